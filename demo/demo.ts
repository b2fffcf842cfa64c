/** `npm run demo`: reads the arguments, makes the visitors, and lets them loose on the service. */
import { randomInt, randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { seededRandom } from './random.ts'
import { run } from './run.ts'
import { Traffic } from './traffic.ts'

const HELP = `Usage: npm run demo -- [--url http://localhost:8080] [--rate 200] [--seconds 20] [--seed 1]

Posts believable traffic (sessions of page views, clicks, sign-ups and purchases) to a running service:
  --url      where the service is
  --rate     events a second, up to 100000
  --seconds  for how long
  --seed     the same number gives the same visitors; the ids of events are new each time
`

function positive(name: string, text: string, maximum: number): number {
  const value = Number(text)
  if (!(value > 0 && value <= maximum)) throw new Error(`--${name} must be a number above 0 and up to ${maximum}, not ${JSON.stringify(text)}`)
  return value
}

function address(text: string): URL {
  const url = URL.parse(text.endsWith('/') ? text : `${text}/`)
  if (url === null || !/^https?:$/.test(url.protocol)) throw new Error(`--url must be an address such as http://localhost:8080, not ${JSON.stringify(text)}`)
  return url
}

try {
  const { values } = parseArgs({
    options: {
      url: { type: 'string', default: 'http://localhost:8080' },
      rate: { type: 'string', default: '200' },
      seconds: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(randomInt(1, 1_000_000)) },
      help: { type: 'boolean', short: 'h' }
    }
  })
  if (values.help) {
    process.stdout.write(HELP)
  } else {
    const random = seededRandom(positive('seed', values.seed, 0xffffffff))
    const url = address(values.url)
    const rate = positive('rate', values.rate, 100_000)
    const seconds = positive('seconds', values.seconds, 86_400)
    console.log(`${rate} events a second for ${seconds} s to ${url.href} (seed ${values.seed})`)
    const exact = await run({ url, rate, seconds, traffic: new Traffic(random, randomUUID), random, print: console.log })
    process.exitCode = exact ? 0 : 1
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
