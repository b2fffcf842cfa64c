import t from 'tap'
import { redisObstacle } from '../../cluster/redis-process.ts'
import { runChaos } from './chaos-run.ts'

const obstacle = redisObstacle()

t.test('sent, counted and streamed are the same events after a master, a slot and a service have failed [STORE-1]', { skip: obstacle, timeout: 240_000 }, async (t) => {
  const result = await runChaos({ masters: 3, replicas: 2, faults: ['slot moved', 'master killed', 'service killed', 'failover asked for'], pause: 30 })
  t.ok(result.sent > 100, `${result.sent} events sent, ${result.again} of them again`)
})
