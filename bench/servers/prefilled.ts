/**
 * The application with events in it before it listens: the arguments say how many and of how many users. They went in
 * through ingest, spread over seven days. `GET /pause` tells the event loop's longest pause since it was asked last.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { buildApp } from '../../src/app.ts'
import { loadSettings } from '../../src/settings.ts'
import { Bodies } from '../harness/bodies.ts'

const BATCH = 1000
const WEEK = 7 * 24 * 3_600_000

const [events, users] = process.argv.slice(2).map(Number)
const settings = loadSettings(process.env)
const app = await buildApp(settings)

const bodies = new Bodies({ batch: BATCH, users, form: 'array' })
for (let sent = 0; sent < events; sent += BATCH) await app.ingest(bodies.make(Date.now() - Math.random() * WEEK), 'json')

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
app.get('/pause', async () => {
  const milliseconds = delay.max / 1e6
  delay.reset()
  return { milliseconds }
})
await app.listen({ port: settings.PORT, host: settings.HOST })
