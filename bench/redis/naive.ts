/**
 * The same work done naively, one command each through pipelines: `SET NX PX` for the id, `HINCRBY` for hour and type, `ZADD GT`
 * for the user, `ZINCRBY` for each window, `XADD` for the log. It is not exact: a death between two commands counts half.
 */
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'

/** Sends so many events, 64 a pipeline, to one server. */
export async function sendNaively(port: number, events: number, users: number): Promise<void> {
  const client = new Redis(port, '127.0.0.1')
  const hour = Math.floor(Date.now() / 3_600_000)
  for (let sent = 0; sent < events; sent += 64) {
    const pipeline = client.pipeline()
    for (let i = 0; i < 64; i++) {
      const user = `user-${Math.floor(Math.random() ** 2 * users)}`
      const id = randomUUID()
      const time = Date.now()
      pipeline.set(`id:${id}`, 1, 'PX', 691_200_000, 'NX')
      pipeline.hincrby(`count:${hour}`, 'click', 1)
      pipeline.zadd('seen', 'GT', time, user)
      for (const window of ['1h', '24h', '7d']) pipeline.zincrby(`top:${window}`, 1, user)
      pipeline.xadd('log', 'MAXLEN', '~', 100_000, '*', 'e', JSON.stringify({
        event_id: id, user_id: user, event_type: 'click', timestamp: new Date(time).toISOString(), properties: { page: '/products/123' }
      }))
    }
    await pipeline.exec()
  }
  client.disconnect()
}
