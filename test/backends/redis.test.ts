import t from 'tap'
import { createRedisBackend } from '../../src/backends/redis/redis.ts'
import { RedisProcess, redisObstacle } from '../../cluster/redis-process.ts'
import { backendSuite } from './suite.ts'

const obstacle = redisObstacle()
if (obstacle !== undefined) {
  t.plan(0, obstacle)
} else {
  const server = await RedisProcess.start()
  t.teardown(() => server.remove())
  let made = 0
  backendSuite(t, 'redis', ({ clock, logBytes }) => createRedisBackend({
    nodes: [server.node], wait: 0, prefix: `suite-${made++}`, partitions: 4, logBytes: logBytes * 4, wall: () => clock.wall()
  }), { hasCapacities: false, order: 'user', time: 'engine', histories: 12 })
}
