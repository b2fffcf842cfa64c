/**
 * Makes request bodies: believable events with fresh ids, users and timestamps. Each body is a copy of a template into
 * which only those three are written, so that making events costs far less than taking them.
 */
import { randomFillSync } from 'node:crypto'
import { EVENT_TYPES, TIME_WINDOWS, WINDOW_MINUTES } from '../../schemas/index.ts'

/**
 * How the events of a body are laid out: minified as `JSON.stringify` does it, as an array, a single object or one a
 * line; or an array as Python writes it, whose `json.dumps` puts a space after each comma and colon, and whose `isoformat`
 * has microseconds and an offset.
 */
export const FORMS = ['array', 'object', 'ndjson', 'python'] as const
export type Form = (typeof FORMS)[number]

/** Over how many minutes a spread, as flags name it, scatters the events of a body: `1m` or one of the windows. */
export function minutesOf(spread: string): number {
  if (spread === '1m') return 1
  const window = TIME_WINDOWS.find((name) => name === spread)
  if (window === undefined) throw new TypeError(`--spread is one of 1m, ${TIME_WINDOWS.join(', ')}`)
  return WINDOW_MINUTES[window]
}

/** What bodies are made of. */
export interface BodyOptions {
  /** Events a body. */
  batch: number
  /** How many different users send; some send far more than others. */
  users: number
  form: Form
  /** Over how many minutes the events of a body are spread; one unless told otherwise. */
  minutes?: number
}

/** Different events made for all templates together, at the least. */
const VARIETY = 4096

const ID = '00000000-0000-4000-8000-000000000000'
const USER = 'user-0000000'
const TIME = '2000-01-01T00:00:00.000'
const MINUTE_LENGTH = '2000-01-01T00:00:'.length
const MINUTE = 60_000
/** Where the 16 bytes of an id lie in its text. */
const ID_BYTES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]
const HEX = Buffer.from('0123456789abcdef')

/** A body, and where its ids, users and timestamps lie. */
interface Template {
  bytes: Buffer
  ids: number[]
  users: number[]
  times: number[]
}

/** Makes bodies; no event id comes twice. */
export class Bodies {
  readonly #templates: Template[]
  readonly #users: number
  /** The minutes that events may be of, as timestamps spell them, from the one before `#end` back. */
  readonly #minutes: Buffer[]
  #end = NaN
  readonly #random = Buffer.alloc(1 << 16)
  #randomAt = 1 << 16
  #made = 0

  constructor({ batch, users, form, minutes = 1 }: BodyOptions) {
    if (form === 'object' && batch !== 1) throw new RangeError('a single object holds one event')
    if (!(users >= 1 && users <= 10_000_000)) throw new RangeError('users must be 1 to 10,000,000')
    this.#users = users
    this.#minutes = new Array<Buffer>(minutes)
    this.#templates = Array.from({ length: Math.ceil(VARIETY / batch) }, () => makeTemplate(batch, form))
  }

  /** Length of the body that the next `write` will make. */
  get nextLength(): number {
    return this.#templates[this.#made % this.#templates.length].bytes.length
  }

  /** Writes a body whose events happened within the minutes before `time`, in milliseconds since 1970; returns its end. */
  write(target: Buffer, at: number, time: number): number {
    const { bytes, ids, users, times } = this.#templates[this.#made++ % this.#templates.length]
    bytes.copy(target, at)
    this.#spellMinutes(Math.floor(time / MINUTE))
    for (let i = 0; i < ids.length; i++) {
      this.#writeId(target, at + ids[i])
      const share = Math.random()
      writeDigits(target, at + users[i] + USER.length, 7, Math.floor(share * share * this.#users))
      target.set(this.#minutes[Math.floor(Math.random() * this.#minutes.length)], at + times[i])
      const millisecond = Math.floor(Math.random() * 60_000)
      writeDigits(target, at + times[i] + MINUTE_LENGTH + 2, 2, Math.floor(millisecond / 1000))
      writeDigits(target, at + times[i] + MINUTE_LENGTH + 6, 3, millisecond % 1000)
    }
    return at + bytes.length
  }

  /** A body in memory of its own. */
  make(time: number): Buffer {
    const body = Buffer.allocUnsafeSlow(this.nextLength)
    this.write(body, 0, time)
    return body
  }

  #spellMinutes(end: number): void {
    if (end === this.#end) return
    this.#end = end
    for (let i = 0; i < this.#minutes.length; i++) {
      this.#minutes[i] = Buffer.from(new Date((end - 1 - i) * MINUTE).toISOString().slice(0, MINUTE_LENGTH), 'latin1')
    }
  }

  /** A random UUID, version 4. */
  #writeId(target: Buffer, at: number): void {
    if (this.#randomAt === this.#random.length) {
      randomFillSync(this.#random)
      this.#randomAt = 0
    }
    for (let i = 0; i < 16; i++) {
      let byte = this.#random[this.#randomAt++]
      if (i === 6) byte = 0x40 | (byte & 0x0f)
      else if (i === 8) byte = 0x80 | (byte & 0x3f)
      target[at + ID_BYTES[i]] = HEX[byte >>> 4]
      target[at + ID_BYTES[i] + 1] = HEX[byte & 15]
    }
  }
}

/** Writes a number so that its last digit lies before `end`. */
function writeDigits(target: Buffer, end: number, digits: number, value: number): void {
  for (let i = end - 1, rest = value; i >= end - digits; i--, rest = Math.floor(rest / 10)) target[i] = 0x30 + rest % 10
}

function makeTemplate(batch: number, form: Form): Template {
  const separator = form === 'ndjson' ? '\n' : form === 'python' ? ', ' : ','
  const [opening, closing] = form === 'array' || form === 'python' ? ['[', ']'] : ['', '']
  const template: Template = { bytes: Buffer.alloc(0), ids: [], users: [], times: [] }
  let text = opening
  for (let i = 0; i < batch; i++) {
    if (i > 0) text += separator
    const event = form === 'python' ? spaced(makeEvent(`${TIME}042+00:00`)) : JSON.stringify(makeEvent(`${TIME}Z`))
    template.ids.push(text.length + event.indexOf(ID))
    template.users.push(text.length + event.indexOf(USER))
    template.times.push(text.length + event.indexOf(TIME))
    text += event
  }
  template.bytes = Buffer.from(text + closing, 'latin1')
  return template
}

function spaced(event: object): string {
  return JSON.stringify(event, null, 1).replace(/\n */g, ' ').replace(/([{[]) /g, '$1').replace(/ ([}\]])/g, '$1')
}

const below = (limit: number) => Math.floor(Math.random() * limit)

/** One event of a shop: mostly views, some clicks, few purchases, fewer sign-ups. */
function makeEvent(timestamp: string) {
  const dice = Math.random()
  const type = EVENT_TYPES[dice < 0.6 ? 0 : dice < 0.85 ? 1 : dice < 0.95 ? 2 : 3]
  return { event_id: ID, user_id: USER, event_type: type, timestamp, properties: PROPERTIES[type]() }
}

const PROPERTIES = {
  page_view: () => ({ page: `/products/${below(10_000)}` }),
  click: () => ({ page: `/products/${below(10_000)}`, element: 'add-to-cart' }),
  purchase: () => ({ amount: below(20_000) / 100, product_id: `sku-${below(10_000)}`, currency: 'EUR' }),
  signup: () => ({ plan: 'free' })
} satisfies Record<(typeof EVENT_TYPES)[number], () => object>
