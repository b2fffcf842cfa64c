/**
 * A hash index from keys to small numbers, 8 bytes a slot. It keeps no keys; whoever owns them compares them. The index itself
 * is in `assembly/index/`, compiled to WebAssembly by `npm run wasm`; this is its face. Each index has a memory of its
 * own, which grows by a megabyte at a time where it lies.
 */
import { readFileSync } from 'node:fs'

const PAGE_BYTES = 1 << 16

/** What `assembly/index/index.ts` does and where it has things; see there. */
interface Exports {
  memory: WebAssembly.Memory
  begin(): void
  size(): number
  pageCount(): number
  first(hash: number): number
  next(hash: number): number
  insert(hash: number, number: number): void
  remove(hash: number, number: number): void
  prefetch(hashes: number): void
  firstOfEach(hashes: number): void
  MOST_KEYS: WebAssembly.Global
  HASHES: WebAssembly.Global
  NUMBERS: WebAssembly.Global
}

/** Compiled once, for all indexes. */
let compiled: WebAssembly.Module | undefined

/** One index. Every operation is O(1) expected; one that lets a page split takes the time of moving its 6,500 entries. */
export class HashIndex {
  readonly #index: Exports
  // What is handed over: hashes and numbers.
  #hashes!: Int32Array
  #numbers!: Int32Array

  constructor() {
    compiled ??= new WebAssembly.Module(readFileSync(new URL('./hash-index.wasm', import.meta.url)))
    this.#index = new WebAssembly.Instance(compiled, { env: { abort } }).exports as Exports
    this.#index.begin()
    this.#look()
  }

  /** Most keys that the operations on many take at a time. */
  get mostKeys(): number {
    return this.#index.MOST_KEYS.value
  }

  /** Entries held. */
  get size(): number {
    return this.#index.size()
  }

  /** Bytes of the slots. */
  get byteLength(): number {
    return this.#index.pageCount() * PAGE_BYTES
  }

  /** The first number under a hash, or -1. Numbers of other keys come up too, if their keys have the same 32 bits. */
  first(hash: number): number {
    return this.#index.first(hash)
  }

  /** The next number under the hash that `first` was asked for, or -1; nothing has changed in between. */
  next(hash: number): number {
    return this.#index.next(hash)
  }

  /** Adds a number, from 0 to 2^31 - 2. */
  insert(hash: number, number: number): void {
    this.#index.insert(hash, number)
    this.#refresh()
  }

  /** Takes out exactly this number; nothing happens where it is not held. */
  remove(hash: number, number: number): void {
    this.#index.remove(hash, number)
  }

  /**
   * Writes the first number under each of the hashes `from .. to - 1`, or -1. What searching reads is fetched for all of them
   * first: those reads do not wait for each other, so the memory answers many at a time.
   */
  firstOfEach(hashes: Int32Array, numbers: Int32Array, from: number, to: number): void {
    const count = to - from
    this.#hashes.set(hashes.subarray(from, to))
    this.#index.prefetch(count)
    this.#index.firstOfEach(count)
    numbers.set(this.#numbers.subarray(0, count), from)
  }

  /** Growing has emptied the arrays. */
  #refresh(): void {
    if (this.#hashes.length === 0) this.#look()
  }

  #look(): void {
    const { memory: { buffer }, HASHES, NUMBERS } = this.#index
    this.#hashes = new Int32Array(buffer, HASHES.value, this.mostKeys)
    this.#numbers = new Int32Array(buffer, NUMBERS.value, this.mostKeys)
  }
}

/** How compiled code says that something must not go on. */
function abort(): never {
  throw new RangeError('an index has no room for more')
}
