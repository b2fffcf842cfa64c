/**
 * How much memory the bodies of requests may take at a time, from their first byte until they are answered. When there
 * is no room, one that is still arriving is ended, the slowest or the oldest; so who stops in the middle cannot keep
 * others out. Small bodies have a quarter for themselves, which large ones cannot fill. [LIMIT-2]
 */

/** Largest body that counts as small, in bytes. */
export const SMALL_BODY_BYTES = 64 * 1024

/** The least that bodies may take together, in bytes; else as much as so many of the largest. */
const MIN_QUOTA_BYTES = 64 * 1024 * 1024
const MIN_QUOTA_BODIES = 16

/** How much of it is for small bodies. */
const SHARE_OF_SMALL = 0.25

/** Milliseconds over which a body's speed is taken; a younger one is not slow yet. */
const SPEED_WINDOW = 1_000

/** How many of the oldest are compared to find the slowest. */
const MAX_COMPARED = 32

/** Bytes that all bodies may take together. */
export function quotaBytes(maxBodyBytes: number): number {
  return Math.max(MIN_QUOTA_BYTES, MIN_QUOTA_BODIES * maxBodyBytes)
}

/** Bodies of one size. */
interface Pool {
  readonly limit: number
  bytes: number
  /** Those that can be ended, the oldest first. */
  readonly arriving: Set<BodyShare>
}

const makePool = (limit: number): Pool => ({ limit, bytes: 0, arriving: new Set() })

/** The memory of all bodies. */
export class BodyQuota {
  readonly small: Pool
  readonly large: Pool
  readonly now: () => number

  /** @param now milliseconds that never go back */
  constructor(bytes: number, now: () => number = () => performance.now()) {
    this.small = makePool(bytes * SHARE_OF_SMALL)
    this.large = makePool(bytes * (1 - SHARE_OF_SMALL))
    this.now = now
  }

  /** Bytes taken now. */
  get bytes(): number {
    return this.small.bytes + this.large.bytes
  }
}

/** What one body takes of the quota. It can be ended from `arrives` to `arrived`. */
export class BodyShare {
  readonly #quota: BodyQuota
  #pool: Pool
  #bytes = 0
  #end: (() => void) | undefined
  #since = 0
  #window = 0
  #inWindow = 0
  #inWindowBefore = 0

  constructor(quota: BodyQuota) {
    this.#quota = quota
    this.#pool = quota.small
  }

  /** The body is on its way; `end` is called once if it must make room, from within anybody's `grow`, also its own. */
  arrives(end: () => void): void {
    this.#end = end
    this.#since = this.#quota.now()
    this.#pool.arriving.add(this)
  }

  /** The body is there, and is not ended any more. */
  arrived(): void {
    this.#end = undefined
    this.#pool.arriving.delete(this)
  }

  /** Takes so many bytes more. Others may be ended for it, or this one itself if there is nobody else. */
  grow(bytes: number): void {
    this.#bytes += bytes
    this.#pool.bytes += bytes
    if (this.#pool === this.#quota.small && this.#bytes > SMALL_BODY_BYTES) this.#moveTo(this.#quota.large)
    if (this.#end !== undefined) this.#noteSpeed(bytes)
    const pool = this.#pool
    while (pool.bytes > pool.limit && pool.arriving.size > 0) slowest(pool, this.#quota.now()).#evict()
  }

  /** Whether what it takes fits in. A body that was never on its way cannot be ended and is refused if not. */
  get fits(): boolean {
    return this.#pool.bytes <= this.#pool.limit
  }

  /** Gives back so many bytes, or all if it has less. */
  shrink(bytes: number): void {
    const given = Math.min(bytes, this.#bytes)
    this.#bytes -= given
    this.#pool.bytes -= given
  }

  /** Gives back everything; may be called again. */
  close(): void {
    this.arrived()
    this.shrink(this.#bytes)
  }

  /** Bytes that came in this window of time and the one before. */
  speed(now: number): number {
    const window = Math.floor(now / SPEED_WINDOW)
    if (window === this.#window) return this.#inWindow + this.#inWindowBefore
    return window === this.#window + 1 ? this.#inWindow : 0
  }

  isYoung(now: number): boolean {
    return now - this.#since < SPEED_WINDOW
  }

  #noteSpeed(bytes: number): void {
    const window = Math.floor(this.#quota.now() / SPEED_WINDOW)
    if (window !== this.#window) {
      this.#inWindowBefore = window === this.#window + 1 ? this.#inWindow : 0
      this.#inWindow = 0
      this.#window = window
    }
    this.#inWindow += bytes
  }

  #moveTo(pool: Pool): void {
    this.#pool.bytes -= this.#bytes
    pool.bytes += this.#bytes
    if (this.#pool.arriving.delete(this)) pool.arriving.add(this)
    this.#pool = pool
  }

  #evict(): void {
    const end = this.#end
    this.close()
    end?.()
  }
}

/** The slowest of the oldest; the oldest where all are young. */
function slowest({ arriving }: Pool, now: number): BodyShare {
  let found: BodyShare | undefined
  let oldest: BodyShare | undefined
  let compared = 0
  for (const share of arriving) {
    oldest ??= share
    if (!share.isYoung(now) && (found === undefined || share.speed(now) < found.speed(now))) found = share
    if (++compared === MAX_COMPARED) break
  }
  return found ?? oldest!
}
