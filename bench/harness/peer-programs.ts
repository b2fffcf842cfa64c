/** The peers that are not written for Node: built from `bench/peers/` where their toolchain is there. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const PEERS = join(import.meta.dirname, '..', 'peers')

/** How a peer becomes a program. */
interface PeerProgram {
  name: string
  /** What builds it, in its folder, at the first time and when it has changed. */
  toolchain: string
  arguments: readonly string[]
  /** From the root of the repository. */
  program: string
}

export const PEER_PROGRAMS: readonly PeerProgram[] = [
  { name: 'rust', toolchain: 'cargo', arguments: ['build', '--release', '--locked'], program: 'bench/peers/rust/target/release/peer' },
  { name: 'go', toolchain: 'go', arguments: ['build', '-o', 'peer'], program: 'bench/peers/go/peer' }
]

/**
 * Builds a peer, and says whether it can be run; it cannot where its toolchain is not there.
 * @throws Error where the toolchain is there and fails
 */
export function buildPeer({ name, toolchain, arguments: args }: PeerProgram): boolean {
  const { error, status } = spawnSync(toolchain, args, { cwd: join(PEERS, name), stdio: ['ignore', 'ignore', 'inherit'] })
  if (error !== undefined) return false
  if (status !== 0) throw new Error(`${toolchain} did not build the peer ${name}`)
  return true
}
