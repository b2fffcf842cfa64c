/**
 * `npm run cluster`: a local cluster of installed redis-server binaries and two replicas of the service on it, to try the redis
 * store with. Prints their addresses and stops all of it again on Ctrl-C.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { RedisCluster } from './redis-cluster.ts'
import { redisObstacle } from './redis-process.ts'

const { values } = parseArgs({
  options: { masters: { type: 'string', default: '3' }, replicas: { type: 'string', default: '1' }, services: { type: 'string', default: '2' }, port: { type: 'string', default: '8080' } }
})
const obstacle = redisObstacle()
if (obstacle !== undefined) {
  console.error(`${obstacle}: install it first, as with \`apt-get install redis-server\``)
  process.exit(1)
}

const cluster = await RedisCluster.start({ masters: Number(values.masters), replicas: Number(values.replicas) })
console.log(`Redis Cluster: ${cluster.addresses.join(', ')}`)
const services: ChildProcess[] = Array.from({ length: Number(values.services) }, (_, i) => {
  const port = Number(values.port) + i
  console.log(`service: http://localhost:${port}`)
  return spawn(process.execPath, [join(import.meta.dirname, '../src/server.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, STORE: 'redis', REDIS_NODES: cluster.addresses.join(','), PORT: String(port) }
  })
})
console.log('Ctrl-C stops all of it.')

async function stop(): Promise<void> {
  const ends = services.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null).map((service) => once(service, 'exit'))
  for (const service of services) service.kill('SIGTERM')
  await Promise.all(ends)
  await cluster.remove()
  console.log('stopped')
}
process.once('SIGINT', stop)
process.once('SIGTERM', stop)
