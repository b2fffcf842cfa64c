/** HTTP requests as the bytes that go over the wire, all of one run made beforehand in one buffer that is used again. */
import type { Bodies, Form } from './bodies.ts'

const MINUTE = 60_000

/** A GET request. */
export function getRequest(path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`, 'latin1')
}

/** So many POST requests, each with a body of its own. */
export class PostRequests {
  readonly count: number
  readonly #bodies: Bodies
  readonly #contentType: string
  readonly #offsets: Float64Array
  #bytes = Buffer.alloc(0)

  constructor(bodies: Bodies, form: Form, count: number) {
    this.count = count
    this.#bodies = bodies
    this.#contentType = form === 'ndjson' ? 'application/x-ndjson' : 'application/json'
    this.#offsets = new Float64Array(count + 1)
  }

  /**
   * Makes all requests anew, with ids that never were before.
   * @param age how old the events of a request may be, in minutes, beside the minutes over which its body spreads them
   */
  refill(path: string, age = 60): void {
    const now = Date.now()
    let at = 0
    for (let i = 0; i < this.count; i++) {
      const length = this.#bodies.nextLength
      const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: ${this.#contentType}\r\ncontent-length: ${length}\r\n\r\n`
      this.#reserve(at, head.length + length)
      at += this.#bytes.write(head, at, 'latin1')
      at = this.#bodies.write(this.#bytes, at, now - Math.random() * age * MINUTE)
      this.#offsets[i + 1] = at
    }
  }

  /** The bytes of request `i`. */
  get(i: number): Buffer {
    return this.#bytes.subarray(this.#offsets[i], this.#offsets[i + 1])
  }

  /** Makes room after `used` bytes; the first request tells about how much all of them need. */
  #reserve(used: number, length: number): void {
    if (used + length <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(Math.ceil((used + length) * 1.25), Math.ceil(length * this.count * 1.1)))
    this.#bytes.copy(larger, 0, 0, used)
    this.#bytes = larger
  }
}
