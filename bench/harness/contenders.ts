/** The servers that benches compare, by name. */
import type { Contender } from './comparison.ts'
import { PEER_PROGRAMS } from './peer-programs.ts'

const PATH = '/events'

/** The service as `npm start` runs it, with some settings of its own if need be. */
export function service(env: Record<string, string> = {}, name = 'service'): Contender {
  return { name, server: { script: 'src/server.ts', env }, path: PATH, counts: true }
}

/** Every contender of the ingest bench. */
export const INGEST_CONTENDERS: readonly Contender[] = [
  { name: 'drain', server: { script: 'bench/servers/drain.ts' }, path: PATH, counts: false },
  { name: 'parse', server: { script: 'bench/servers/parse.ts' }, path: PATH, counts: true },
  { name: 'plain', server: { script: 'bench/servers/plain.ts' }, path: PATH, counts: true },
  service(),
  ...PEER_PROGRAMS.map(({ name, program }) => ({ name, server: { script: program, isProgram: true }, path: PATH, counts: true }))
]

/** The application with a route that does it the usual way. */
export const PEER: Contender = { name: 'peer', server: { script: 'bench/servers/peer.ts' }, path: '/peer', counts: true }

/** The application without what one plugin, or the log, does at each request. */
export function without(part: string): Contender {
  return { name: `without ${part}`, server: { script: 'bench/servers/leave-out.ts', arguments: [part] }, path: PATH, counts: true }
}
