/**
 * Several servers under the same load, in turns. Every measurement has a fresh process, a warm-up and fresh events; the
 * order changes from round to round, so that whatever else the machine does meets all of them alike.
 */
import { Bodies, type Form } from './bodies.ts'
import { Load } from './load.ts'
import { PostRequests } from './requests.ts'
import type { Results } from './results.ts'
import { ServerProcess, type ServerOptions } from './server-process.ts'
import { percentile } from './statistics.ts'

/** One of those that are compared. */
export interface Contender {
  name: string
  server: ServerOptions
  /** Where it takes events. */
  path: string
  /** Whether it answers how many of a request's events it took; else it answers 0. */
  counts: boolean
}

/** What all of them get. */
export interface Comparison {
  batch: number
  form: Form
  /** Requests that are measured. */
  requests: number
  /** Requests before, as a share of the measured ones. */
  warmup: number
  rounds: number
  connections: number
  users: number
  /** How old events are at the most, in minutes; an hour unless told otherwise. */
  age?: number
  /** Over how many minutes the events of a request are spread; one unless told otherwise. */
  minutes?: number
}

/** One measurement. */
export interface Sample {
  eventsPerSecond: number
  /** Processor time of the server's process, all threads, for each event. */
  cpuMicroseconds: number
  residentMib: number
  /** From sending a request to its answer, where little has come between: at most this for one in ten. */
  quickMilliseconds: number
}

/** Measures every contender in every round; the samples are in order of rounds. */
export async function compare(contenders: readonly Contender[], comparison: Comparison, results: Results): Promise<Map<string, Sample[]>> {
  const { batch, form, users, age, minutes, requests: measured, rounds, warmup } = comparison
  const requests = new PostRequests(new Bodies({ batch, users, form, minutes }), form, measured + Math.ceil(measured * warmup))
  const samples = new Map(contenders.map(({ name }) => [name, [] as Sample[]]))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length]
      requests.refill(contender.path, age)
      const sample = await measure(contender, requests, comparison)
      samples.get(contender.name)!.push(sample)
      results.add({ batch, form, round, server: contender.name, ...sample })
    }
  }
  return samples
}

async function measure(contender: Contender, requests: PostRequests, { batch, requests: measured, connections }: Comparison): Promise<Sample> {
  const server = await ServerProcess.start(contender.server)
  const load = await Load.open(server.port, connections)
  const request = (i: number) => requests.get(i)
  const expected = `{"accepted":${contender.counts ? batch : 0},`
  try {
    const begin = requests.count - measured
    await load.run(request, 0, begin, expected)
    const before = server.usage()
    const { seconds, latencies } = await load.run(request, begin, requests.count, expected)
    const after = server.usage()
    const events = measured * batch
    return {
      eventsPerSecond: events / seconds,
      cpuMicroseconds: (after.cpuSeconds - before.cpuSeconds) / events * 1e6,
      residentMib: after.residentBytes / 2 ** 20,
      quickMilliseconds: percentile(latencies, 0.1)
    }
  } finally {
    load.close()
    await server.stop()
  }
}
