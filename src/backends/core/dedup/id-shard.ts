/**
 * Ids in one memory of WebAssembly, each with the stamp of a generation. The table itself is in `assembly/ids/`, compiled to
 * WebAssembly by `npm run wasm`; this is its face. The memory grows by a megabyte at a time where it lies.
 */
import { randomFillSync } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Lines of a page; a line of 64 bytes holds seven ids. */
const PAGE_LINES = 1024
const LINE_BYTES = 64
const WASM_PAGE_BYTES = 1 << 16

/** Most ids that are handed over together, so that their lines can be prefetched. */
export const STRIDE = 256

/** 32-bit words of a hash. */
export const HASH_WORDS = 4

/** What `assembly/ids/index.ts` does and where it has things; see there. */
interface Exports {
  memory: WebAssembly.Memory
  begin(): void
  save(): void
  restore(): void
  hash(ids: number): void
  prefetch(hashes: number): void
  setLive(first: number, last: number): void
  claim(from: number, to: number, stamp: number, most: number): number
  stampOf(i: number): number
  restamp(i: number, stamp: number): number
  sweep(lines: number): number
  pageCount(): number
  pagesTaken(): number
  taken: WebAssembly.Global
  MOST_IDS: WebAssembly.Global
  KEY: WebAssembly.Global
  IDS: WebAssembly.Global
  HASHES: WebAssembly.Global
  FATES: WebAssembly.Global
}

/** Compiled once, for all. */
let compiled: WebAssembly.Module | undefined

/** One memory of ids. An operation is about the ids that were handed over last, by their place among them, and takes O(1) expected. */
export class IdShard {
  readonly #table: Exports
  #ids!: Uint32Array
  #hashes!: Uint32Array
  #fates!: Uint8Array

  /** @param fill fills an array with random numbers; a test passes its own */
  constructor(fill: (key: Uint8Array) => void = randomFillSync) {
    compiled ??= new WebAssembly.Module(readFileSync(new URL('./id-table.wasm', import.meta.url)))
    this.#table = new WebAssembly.Instance(compiled, { env: { abort } }).exports as Exports
    if (this.#table.MOST_IDS.value !== STRIDE) throw new RangeError('a stride is not what the table takes')
    fill(new Uint8Array(this.#table.memory.buffer, this.#table.KEY.value, 16))
    this.#table.begin()
    this.#look()
  }

  /** All of its memory, which is the whole table; a view that lasts until ids are added. */
  get image(): Uint8Array {
    this.#table.save()
    return new Uint8Array(this.#table.memory.buffer)
  }

  /** Becomes the table that has such an image; to be called while it holds no ids. `fill` writes the image. */
  async takeImage(bytes: number, fill: (memory: Uint8Array) => Promise<void>): Promise<void> {
    const { memory } = this.#table
    if (bytes % WASM_PAGE_BYTES !== 0 || bytes < memory.buffer.byteLength) throw new RangeError('this is no image of a table')
    memory.grow((bytes - memory.buffer.byteLength) / WASM_PAGE_BYTES)
    await fill(new Uint8Array(memory.buffer))
    this.#table.restore()
    this.#look()
  }

  /** Bytes of the pages, whether they are in use at present or not. */
  get byteLength(): number {
    return this.#table.pagesTaken() * PAGE_LINES * LINE_BYTES
  }

  /** Lines that hold ids. */
  get lines(): number {
    return this.#table.pageCount() * PAGE_LINES
  }

  /** Hashes of what was handed over, HASH_WORDS each; to be read, or written by who has them from elsewhere. Another array whenever ids have been added. */
  get hashes(): Uint32Array {
    return this.#hashes
  }

  /** The fates of what was handed over, as numbers of `Verdict`. Another array whenever ids have been added. */
  get fates(): Uint8Array {
    return this.#fates
  }

  /** Hands over the ids `from .. to - 1`, a STRIDE at the most, and hashes them. */
  hash(ids: Uint32Array, from: number, to: number): void {
    this.#ids.set(ids.subarray(from * 4, to * 4))
    this.#table.hash(to - from)
  }

  /** Brings into the cache what the first `hashes` hashes will need. Comes before any operation on them. */
  prefetch(hashes: number): void {
    this.#table.prefetch(hashes)
  }

  /** Says which stamps live: all from `first` on, over 255 to 1, to `last`; none if both are 0. Ids with others are not known, and their room is free. */
  setLive(first: number, last: number): void {
    this.#table.setLive(first, last)
  }

  /**
   * Adds those of `from .. to - 1` that are not known, with this stamp, and writes the fates; stops before one that would be the
   * first after `most`. Returns where that is, or `to`; `added` says how many were added.
   */
  claim(from: number, to: number, stamp: number, most: number): number {
    const end = this.#table.claim(from, to, stamp, most)
    if (this.#fates.length === 0) this.#look()
    return end
  }

  /** Ids that the last claim has added. */
  get added(): number {
    return this.#table.taken.value
  }

  /** The stamp of an id, or 0. */
  stampOf(i: number): number {
    return this.#table.stampOf(i)
  }

  /** Gives an id another stamp, 0 to take it out. Returns the one that it had; 0, and nothing happens, where it is not known. */
  restamp(i: number, stamp: number): number {
    return this.#table.restamp(i, stamp)
  }

  /**
   * Walks on by so many lines and takes out what does not live. Returns whether the walk has reached the end, so that no trace is
   * left of stamps that did not live when it began; the next call begins anew.
   */
  sweep(lines: number): boolean {
    return this.#table.sweep(lines) !== 0
  }

  /** Growing has emptied the arrays. */
  #look(): void {
    const { memory: { buffer }, IDS, HASHES, FATES } = this.#table
    this.#ids = new Uint32Array(buffer, IDS.value, STRIDE * 4)
    this.#hashes = new Uint32Array(buffer, HASHES.value, STRIDE * HASH_WORDS)
    this.#fates = new Uint8Array(buffer, FATES.value, STRIDE)
  }
}

/** How compiled code says that something must not go on. */
function abort(): never {
  throw new RangeError('a table of ids has no room for more')
}
