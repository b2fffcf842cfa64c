/** The arguments of `npm run demo`. */
import { parseArgs } from 'node:util'

export const HELP = `Usage: npm run demo -- [--url http://localhost:8080] [--key writer] [--minutes 1] [--rate 10] [--history 100000] [--seed 1]

Sends believable traffic (sessions of page views, clicks, sign-ups and purchases) to a running service, at first that of the last
seven days with its days and nights, and then live:
  --url      where the service is
  --key      a key that may write and read, where the service asks for one
  --minutes  for how long
  --rate     events a second, up to 100000
  --history  events of the last seven days, up to 1000000
  --seed     the same number gives the same visitors; the ids of events are new each time
`

export interface Task {
  url: URL
  key: string | undefined
  /** Milliseconds. */
  duration: number
  /** Events a second, on average. */
  rate: number
  /** Events of the last seven days. */
  history: number
  seed: number
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!(value >= least && value <= most) || text.trim() === '') throw new Error(`--${name} must be a number from ${least} to ${most}, not ${JSON.stringify(text)}`)
  return value
}

function address(text: string): URL {
  const url = URL.parse(text.endsWith('/') ? text : `${text}/`)
  if (url === null || !/^https?:$/.test(url.protocol)) throw new Error(`--url must be an address such as http://localhost:8080, not ${JSON.stringify(text)}`)
  return url
}

/**
 * Reads them; undefined if help is asked for.
 * @param seed where none is given
 * @throws Error with a sentence that says what is wrong
 */
export function readArguments(args: readonly string[], seed: number): Task | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string', default: 'http://localhost:8080' },
      key: { type: 'string' },
      minutes: { type: 'string', default: '1' },
      rate: { type: 'string', default: '10' },
      history: { type: 'string', default: '100000' },
      seed: { type: 'string', default: String(seed) },
      help: { type: 'boolean', short: 'h' }
    }
  })
  if (values.help) return undefined
  return {
    url: address(values.url),
    key: values.key,
    duration: number('minutes', values.minutes, 0, 1440) * 60_000,
    rate: number('rate', values.rate, 0, 100_000),
    history: Math.round(number('history', values.history, 0, 1_000_000)),
    seed: number('seed', values.seed, 0, 0xffffffff)
  }
}
