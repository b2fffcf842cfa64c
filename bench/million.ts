/** Time and memory for a million events in batches of 1,000, from a cold start; see README.md, "A million events". */
import { Bodies } from './harness/bodies.ts'
import { Connection } from './harness/connection.ts'
import { service } from './harness/contenders.ts'
import { readFlags } from './harness/flags.ts'
import { Load } from './harness/load.ts'
import { getRequest, PostRequests } from './harness/requests.ts'
import { Results } from './harness/results.ts'
import { ServerProcess } from './harness/server-process.ts'
import { median } from './harness/statistics.ts'
import type { Health, Summary } from '../schemas/index.ts'

const flags = readFlags({ events: 1_000_000, batch: 1000, rounds: 3, connections: 4, users: 100_000 })
const { batch, users, rounds, connections } = flags

async function get<T>(port: number, path: string): Promise<T> {
  const connection = await Connection.open(port)
  const { body } = await connection.send(getRequest(path))
  connection.close()
  return JSON.parse(body.toString()) as T
}

async function measure(requests: PostRequests, results: Results): Promise<Record<string, number>> {
  requests.refill('/events')
  const server = await ServerProcess.start(service().server)
  try {
    const before = server.usage()
    const load = await Load.open(server.port, connections)
    const { seconds } = await load.run((i) => requests.get(i), 0, requests.count, `{"accepted":${batch},`)
    const after = server.usage()
    load.close()
    const { total_events: counted } = await get<Summary>(server.port, '/analytics/summary?window=7d')
    const { store } = await get<Health>(server.port, '/health')
    const events = requests.count * batch
    if (counted !== events) throw new Error(`${events} events were sent and ${counted} counted`)
    const measurement = {
      seconds,
      'events/s': events / seconds,
      'CPU seconds': after.cpuSeconds - before.cpuSeconds,
      'resident before, MiB': before.residentBytes / 2 ** 20,
      'resident after, MiB': after.residentBytes / 2 ** 20,
      'bytes/event': (after.residentBytes - before.residentBytes) / events,
      'of these in the log': store.log_bytes / events
    }
    results.add(measurement)
    return measurement
  } finally {
    await server.stop()
  }
}

const results = new Results('million', flags)
const requests = new PostRequests(new Bodies({ batch, users, form: 'array' }), 'array', Math.ceil(flags.events / batch))
const measurements: Record<string, number>[] = []
for (let round = 0; round < rounds; round++) measurements.push(await measure(requests, results))
const events = requests.count * batch
results.print(`${events.toLocaleString('en')} events in batches of ${batch.toLocaleString('en')}, from a cold start, median of ${rounds} rounds`, [
  Object.fromEntries(Object.keys(measurements[0]).map((name) => [name, median(measurements.map((measurement) => measurement[name]))]))
])
results.save()
