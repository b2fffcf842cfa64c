/** `npm run demo`: reads the arguments, makes the visitors, and lets them loose on the service. */
import { randomInt } from 'node:crypto'
import { HELP, readArguments } from './arguments.ts'
import { run } from './run.ts'

try {
  const task = readArguments(process.argv.slice(2), randomInt(1, 1_000_000))
  if (task === undefined) {
    process.stdout.write(HELP)
  } else {
    process.exitCode = await run({ ...task, print: console.log }) ? 0 : 1
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
