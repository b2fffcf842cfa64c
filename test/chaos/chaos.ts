/** `npm run chaos -- --rounds 5`: the chaos run with every fault so many times, in random order. */
import { randomInt } from 'node:crypto'
import { redisObstacle } from '../../cluster/redis-process.ts'
import { readNumbers } from '../../scripts/arguments.ts'
import { runChaos } from './chaos-run.ts'
import { FAULTS } from './faults.ts'

const { rounds, pause } = readNumbers('chaos', { rounds: 2, pause: 20 })
const obstacle = redisObstacle()
if (obstacle !== undefined) {
  process.stderr.write(`${obstacle}\n`)
  process.exit(1)
}
const faults = Array.from({ length: rounds }, () => Object.keys(FAULTS)).flat()
for (let i = faults.length - 1; i > 0; i--) {
  const other = randomInt(i + 1)
  ;[faults[i], faults[other]] = [faults[other], faults[i]]
}
try {
  const { faults: counts, ...result } = await runChaos({
    masters: 3,
    replicas: 2,
    faults,
    pause,
    progress: (fault, seconds) => process.stderr.write(`${fault.padEnd(20)} in sync after ${seconds.toFixed(1)} s\n`)
  })
  for (const [name, value] of Object.entries({ ...counts, ...result })) process.stdout.write(`${name.padEnd(20)} ${String(value)}\n`)
  process.stdout.write('Sent, counted and streamed are the same events.\n')
} catch (error) {
  process.stderr.write(`${String(error)}\n`)
  process.exitCode = 1
}
