/**
 * `npm run cluster`: a local cluster of installed redis-server binaries and two replicas of the service on it, to try the redis
 * store with. Prints their addresses and stops all of it again on Ctrl-C.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { RedisCluster } from './redis-cluster.ts'
import { redisObstacle } from './redis-process.ts'
import { readNumbers } from '../scripts/arguments.ts'

const { masters, replicas, services: count, port: firstPort } = readNumbers('cluster', { masters: 3, replicas: 1, services: 2, port: 8080 })
const obstacle = redisObstacle()
if (obstacle !== undefined) {
  console.error(`${obstacle}: install it first, as with \`apt-get install redis-server\``)
  process.exit(1)
}

const cluster = await RedisCluster.start({ masters, replicas })
console.log(`Redis Cluster: ${cluster.addresses.join(', ')}`)
const services: ChildProcess[] = Array.from({ length: count }, (_, i) => {
  const port = firstPort + i
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
