/** How many live connections there are and what was delivered to them, in `app.metrics`. */
import fp from 'fastify-plugin'
import { Counter, Gauge } from 'prom-client'
import type { LiveStats } from '../live/subscriber.ts'

/** What live delivery has done, as counters: name, help and value. */
const COUNTERS: readonly (readonly [string, string, keyof LiveStats])[] = [
  ['events_live_frames_total', 'Frames of events handed to subscribers.', 'frames'],
  ['events_live_delivered_total', 'Events handed to subscribers, one for each subscriber.', 'events'],
  ['events_live_gaps_total', 'Gaps that a subscriber was told of.', 'gaps'],
  ['events_live_holds_total', 'Times that a subscriber was slower than the events.', 'holds'],
  ['events_live_cuts_total', 'Subscribers cut off because they gave no sign of life.', 'cuts']
]

export default fp(async (app) => {
  app.metrics.registerMetric(new Gauge({
    name: 'events_live_subscribers',
    help: 'Open live connections.',
    registers: [],
    collect() { this.set(app.live.subscribers) }
  }))
  for (const [name, help, key] of COUNTERS) {
    app.metrics.registerMetric(new Counter({
      name,
      help,
      registers: [],
      collect() {
        this.reset()
        this.inc(app.live.stats[key])
      }
    }))
  }
}, { name: 'live-metrics', dependencies: ['metrics', 'live'] })
