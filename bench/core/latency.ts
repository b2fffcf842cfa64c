/** How long answers take with few and with very many events held, over HTTP. */
import { Connection } from '../harness/connection.ts'
import { Load } from '../harness/load.ts'
import { getRequest } from '../harness/requests.ts'
import type { Results } from '../harness/results.ts'
import { ServerProcess } from '../harness/server-process.ts'
import { median, percentile } from '../harness/statistics.ts'
import type { Row } from '../harness/table.ts'

/** What is asked. */
const QUESTIONS = {
  'summary 24h': '/analytics/summary?window=24h',
  'summary 7d': '/analytics/summary?window=7d',
  'users top 10, 7d': '/analytics/users?window=7d&limit=10'
}

/** How it is asked. */
export interface LatencyOptions {
  /** Events held, one server for each. */
  sizes: number[]
  users: number
  rounds: number
  /** Requests of each kind in each round. */
  requests: number
}

interface Sample {
  p50: number
  p99: number
  longest: number
  pause: number
}

/** Asks every server every question in every round, one request at a time. */
export async function measureLatency({ sizes, users, rounds, requests }: LatencyOptions, results: Results): Promise<Row[]> {
  const servers: ServerProcess[] = []
  try {
    for (const size of sizes) {
      servers.push(await ServerProcess.start({ script: 'bench/servers/prefilled.ts', arguments: [String(size), String(users)], patience: 60 + size / 50_000 }))
    }
    const samples = new Map<string, Sample[]>()
    for (let round = -1; round < rounds; round++) { // the first only warms up
      for (const [question, path] of Object.entries(QUESTIONS)) {
        for (const [i, server] of servers.entries()) {
          const sample = await ask(server, path, requests)
          if (round < 0) continue
          const key = `${question} ${sizes[i]}`
          samples.set(key, [...samples.get(key) ?? [], sample])
          results.add({ question, events: sizes[i], round, ...sample })
        }
      }
    }
    const resident = servers.map((server) => server.usage().residentBytes)
    return Object.keys(QUESTIONS).flatMap((question) => sizes.map((size, i) => rowOf(question, size, resident[i], samples)))

    function rowOf(question: string, size: number, bytes: number, all: Map<string, Sample[]>): Row {
      const figures = (events: number, name: keyof Sample) => all.get(`${question} ${events}`)!.map((sample) => sample[name])
      const p99 = median(figures(size, 'p99'))
      return {
        question,
        'events held': size,
        'p50, ms': median(figures(size, 'p50')),
        'p99, ms': p99,
        'p99 × smallest': p99 / median(figures(sizes[0], 'p99')),
        'longest, ms': Math.max(...figures(size, 'longest')),
        'longest pause, ms': Math.max(...figures(size, 'pause')),
        'resident MiB': Math.round(bytes / 2 ** 20)
      }
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

async function ask({ port }: ServerProcess, path: string, requests: number): Promise<Sample> {
  await longestPause(port)
  const load = await Load.open(port, 1)
  const request = getRequest(path)
  const { latencies } = await load.run(() => request, 0, requests)
  load.close()
  return {
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    longest: percentile(latencies, 1),
    pause: await longestPause(port)
  }
}

/** Since it was asked last, in milliseconds. */
async function longestPause(port: number): Promise<number> {
  const connection = await Connection.open(port)
  const { body } = await connection.send(getRequest('/pause'))
  connection.close()
  return (JSON.parse(body.toString()) as { milliseconds: number }).milliseconds
}
