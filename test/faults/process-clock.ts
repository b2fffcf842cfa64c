/**
 * The clock of other processes: what they are told about the wall clock, the monotonic clock, the uptime and the boot of the
 * system, changed while they run. Preloaded into each that is started with `env`; several may share one clock.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { compilePreload } from './preload.ts'

const NS_PER_MS = 1_000_000n
const NS_PER_SECOND = 1_000_000_000n

/** What a machine has been up for when `boot` is over, in nanoseconds. */
const UPTIME_AFTER_BOOT = 20n * NS_PER_SECOND

/** What is added to each clock, in nanoseconds. */
interface Offsets {
  wall: bigint
  monotonic: bigint
  boottime: bigint
  /** Billionths by which the wall clock is faster than the monotonic one. */
  drift: bigint
  /** Time by the real monotonic clock from which on it drifts. */
  driftSince: bigint
  boot: bigint
}

/** A clock that begins as the real one. */
export class ProcessClock {
  /** What a process must have in its environment to go by this clock. */
  readonly env: Readonly<Record<string, string>>
  readonly #file: number
  readonly #offsets: Offsets
  #sequence = 0n

  /**
   * @param folder where the library and the settings lie; the caller deletes it
   * @param boot number of the machine's present boot, by which its boot id is made; 0: the real one
   * @throws Error where it cannot be compiled; see preloadObstacle
   */
  constructor(folder: string, boot = 0) {
    this.#offsets = { wall: 0n, monotonic: 0n, boottime: 0n, drift: 0n, driftSince: 0n, boot: BigInt(boot) }
    const path = join(folder, 'clock')
    this.env = { LD_PRELOAD: compilePreload('clock', folder), PROCESS_CLOCK: path }
    this.#file = openSync(path, 'w')
    this.#write()
  }

  /** Wall-clock time by this clock, in milliseconds since 1970. */
  wall(): number {
    return Date.now() + Number((this.#offsets.wall + this.#drifted()) / NS_PER_MS)
  }

  /** Time passes: every clock goes on by so many milliseconds; timers that have become due fire when the process next wakes up. */
  pass(ms: number): void {
    this.#change(ms, { wall: true, monotonic: true, boottime: true })
  }

  /** Somebody sets the wall clock, forwards or backwards; no time passes. A glitch is a step and a step back. */
  step(ms: number): void {
    this.#change(ms, { wall: true })
  }

  /** The machine sleeps: wall clock and uptime go on, the monotonic clock stands still. */
  suspend(ms: number): void {
    this.#change(ms, { wall: true, boottime: true })
  }

  /** From now on the wall clock runs faster than the monotonic one, by millionths; slower if negative, alike at 0. */
  slew(ppm: number): void {
    this.#offsets.wall += this.#drifted()
    this.#offsets.drift = BigInt(Math.round(ppm * 1000))
    this.#offsets.driftSince = process.hrtime.bigint()
    this.#write()
  }

  /**
   * The machine was off for so many milliseconds and has started again, with another boot id: monotonic clock and uptime
   * begin anew. Only for processes that are started afterwards; none may run meanwhile.
   */
  boot(ms: number): void {
    const monotonic = process.hrtime.bigint()
    this.#offsets.wall += BigInt(Math.round(ms)) * NS_PER_MS
    this.#offsets.monotonic = this.#offsets.boottime = UPTIME_AFTER_BOOT - monotonic
    this.#offsets.boot++
    this.#write()
  }

  /** Lets go of the file; processes that run keep the last state. */
  close(): void {
    closeSync(this.#file)
  }

  #change(ms: number, hands: Partial<Record<'wall' | 'monotonic' | 'boottime', true>>): void {
    if (hands.monotonic && ms < 0) throw new RangeError('time does not pass backwards')
    const ns = BigInt(Math.round(ms * 1000)) * 1000n
    for (const hand of Object.keys(hands) as (keyof typeof hands)[]) this.#offsets[hand] += ns
    this.#write()
  }

  #drifted(): bigint {
    return (process.hrtime.bigint() - this.#offsets.driftSince) * this.#offsets.drift / NS_PER_SECOND
  }

  /** An odd sequence number tells readers to wait until the rest is written. */
  #write(): void {
    const { wall, monotonic, boottime, drift, driftSince, boot } = this.#offsets
    writeSync(this.#file, new BigInt64Array([++this.#sequence]), 0, 8, 0)
    const rest = new BigInt64Array([wall, monotonic, boottime, drift, driftSince, boot])
    writeSync(this.#file, rest, 0, rest.byteLength, 8)
    writeSync(this.#file, new BigInt64Array([++this.#sequence]), 0, 8, 0)
  }
}
