/**
 * The newest refusals of events and requests, for whoever looks for the mistake of a sender that sees no answer. Bounded in
 * number and in bytes, and no code can crowd out another. [OPS-1]
 */
import {
  ORIGIN_MAX_LENGTH, POINTER_MAX_LENGTH, REJECTIONS_MAX, REJECTIONS_MAX_BYTES, REJECTIONS_MAX_OF_A_CODE, UNAVAILABLE_CODES, type EventError, type Rejection
} from '../../schemas/index.ts'
import { PROBLEMS, type ProblemCode } from '../errors.ts'
import type { Sender } from './ingest.ts'

const HEAD = '{"rejections":['
const TAIL = ']}'

const UNAVAILABLE: ReadonlySet<string> = new Set(UNAVAILABLE_CODES)

interface StoredRejection {
  /** Larger for later ones. */
  order: number
  json: string
  bytes: number
}

/** The refusals, kept as the JSON that is answered. */
export class RejectionLog {
  readonly #now: () => number
  /** Of each code the oldest first. */
  readonly #entries = new Map<string, StoredRejection[]>()
  #order = 0
  #count = 0
  #bytes = HEAD.length + TAIL.length

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Records that a request was refused. O(1) but for the number of codes. */
  addRequest(code: ProblemCode, sender: Sender): void {
    this.#add({ time: this.#time(), status: PROBLEMS[code].status, code }, sender)
  }

  /** Records the events of a receipt that were not accepted; of each code the last that are kept anyway. O(errors). */
  addEvents(errors: readonly EventError[], sender: Sender): void {
    if (errors.length === 0) return
    const time = this.#time()
    const left = new Map<string, number>()
    const kept: EventError[] = []
    for (let i = errors.length - 1; i >= 0; i--) {
      const { code } = errors[i]
      const room = left.get(code) ?? REJECTIONS_MAX_OF_A_CODE
      left.set(code, room - 1)
      if (room > 0) kept.push(errors[i])
    }
    for (const { code, pointer, event_id } of kept.reverse()) {
      this.#add({ time, status: UNAVAILABLE.has(code) ? 503 : 422, code, pointer: cut(pointer, POINTER_MAX_LENGTH), event_id }, sender)
    }
  }

  /** A RejectionList as JSON, the newest first. */
  toJson(): string {
    const all = [...this.#entries.values()].flat().sort((a, b) => b.order - a.order)
    return `${HEAD}${all.map(({ json }) => json).join(',')}${TAIL}`
  }

  #time(): string {
    return new Date(this.#now()).toISOString()
  }

  #add(rejection: Rejection, { key, origin }: Sender): void {
    const json = JSON.stringify({ ...rejection, key, origin: origin === undefined ? undefined : cut(origin, ORIGIN_MAX_LENGTH) } satisfies Rejection)
    const entry = { order: this.#order++, json, bytes: Buffer.byteLength(json) + 1 } // and a comma
    const ofCode = this.#entries.get(rejection.code)
    if (ofCode === undefined) this.#entries.set(rejection.code, [entry])
    else ofCode.push(entry)
    this.#count++
    this.#bytes += entry.bytes
    if (ofCode !== undefined && ofCode.length > REJECTIONS_MAX_OF_A_CODE) this.#evict(ofCode)
    while (this.#count > REJECTIONS_MAX || this.#bytes > REJECTIONS_MAX_BYTES) this.#evict(this.#mostFrequent())
  }

  #evict(ofCode: StoredRejection[]): void {
    this.#bytes -= ofCode.shift()!.bytes
    this.#count--
  }

  /** The code with the most entries; of several, the one with the oldest. */
  #mostFrequent(): StoredRejection[] {
    let most: StoredRejection[] = []
    for (const entries of this.#entries.values()) {
      if (entries.length > most.length || (entries.length === most.length && entries[0]?.order < most[0]?.order)) most = entries
    }
    return most
  }
}

/** The first characters of a text, without half of one at the end. */
function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '')
}
