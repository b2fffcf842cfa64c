/** Reads a CPU profile as Node's `--cpu-prof` writes it: which functions the samples hit. */
import { readFileSync } from 'node:fs'

/** Part of the format of the Chrome DevTools protocol, `Profiler.Profile`. */
interface CpuProfile {
  /** The tree of calls; a parent comes before its children. */
  nodes: ProfileNode[]
  /** Microseconds by the clock of `process.hrtime`. */
  startTime: number
  samples: number[]
  /** Microseconds before each sample. */
  timeDeltas: number[]
}

interface ProfileNode {
  id: number
  callFrame: { functionName: string, url: string, lineNumber: number }
  children?: number[]
}

/** A function, and the time that samples found in its own code. */
export interface ProfileEntry {
  name: string
  /** File and line; of native code, those of the function that called it. */
  place: string
  microseconds: number
}

/** Sample intervals longer than this, in microseconds, are moments at which the process did not run. */
const LONGEST_INTERVAL = 50_000

/**
 * All functions of a profile, those with the most time first; waiting is left out.
 * @param from nothing before this moment counts, by `process.hrtime`
 * @param root what places are given relative to
 * @param isLeftOut whether a script, and all that is called from it, does not count
 */
export function readProfile(file: string, from: bigint, root: string, isLeftOut: (script: string) => boolean): ProfileEntry[] {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile
  const times = ownTimes(profile, from)
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)))
  const leftOut = new Set<number>()
  const entries = new Map<string, ProfileEntry>()
  for (const node of profile.nodes) {
    const { functionName, url, lineNumber } = node.callFrame
    const parent = parents.get(node.id)
    if (isLeftOut(url) || (parent !== undefined && leftOut.has(parent.id))) leftOut.add(node.id)
    if (leftOut.has(node.id) || functionName === '(idle)' || functionName === '(root)') continue
    const isNative = url === '' && parent !== undefined && parent.callFrame.functionName !== '(root)'
    const caller = isNative ? parent.callFrame : node.callFrame
    const name = `${isNative ? 'native code in ' : ''}${caller.functionName || '(anonymous)'}`
    const place = caller.url === '' ? '' : `${caller.url.replace(`file://${root}/`, '')}:${(isNative ? caller.lineNumber : lineNumber) + 1}`
    const entry = entries.get(name + place) ?? { name, place, microseconds: 0 }
    entry.microseconds += times.get(node.id) ?? 0
    entries.set(name + place, entry)
  }
  return [...entries.values()].sort((a, b) => b.microseconds - a.microseconds)
}

/** Microseconds in each node's own code. */
function ownTimes({ startTime, samples, timeDeltas }: CpuProfile, from: bigint): Map<number, number> {
  const times = new Map<number, number>()
  let time = startTime
  for (const [i, id] of samples.entries()) {
    time += timeDeltas[i]
    if (time * 1000 < from || timeDeltas[i] > LONGEST_INTERVAL) continue
    times.set(id, (times.get(id) ?? 0) + timeDeltas[i])
  }
  return times
}
