/**
 * The longer user ids, as UTF-8 in slots of a few fixed sizes, so that millions of them are a few thousand buffers for the
 * garbage collector and a freed slot fits the next user of its size.
 */

/** Slot sizes, in bytes; a user id has at most 256 code points of four bytes. */
const SIZES = [64, 128, 256, 512, 1024]
const BLOCK_BYTES = 1 << 18

/** Slots of one size. */
interface SizeClass {
  size: number
  slotsPerBlock: number
  blocks: Buffer[]
  /** Slots that were given back. */
  free: number[]
  /** Slots ever handed out. */
  used: number
}

/** Keeps byte strings of 1 to 1,024 bytes under small numbers. Every operation is O(length). */
export class UserNames {
  readonly #classes: SizeClass[] = SIZES.map((size) => ({ size, slotsPerBlock: BLOCK_BYTES / size, blocks: [], free: [], used: 0 }))

  /** Keeps a copy of a name and returns its reference. */
  add(bytes: Uint8Array): number {
    let c = 0
    while (SIZES[c] < bytes.length) c++
    const sizeClass = this.#classes[c]
    let slot = sizeClass.free.pop()
    if (slot === undefined) {
      slot = sizeClass.used++
      if (slot % sizeClass.slotsPerBlock === 0) sizeClass.blocks.push(Buffer.allocUnsafeSlow(BLOCK_BYTES))
    }
    const block = sizeClass.blocks[Math.floor(slot / sizeClass.slotsPerBlock)]
    block.set(bytes, (slot % sizeClass.slotsPerBlock) * sizeClass.size)
    return slot * SIZES.length + c
  }

  /** Gives a slot back. */
  free(reference: number): void {
    this.#classes[reference % SIZES.length].free.push(Math.floor(reference / SIZES.length))
  }

  /** The bytes of a name; a view that lasts until the slot is given back. */
  get(reference: number, length: number): Buffer {
    const sizeClass = this.#classes[reference % SIZES.length]
    const slot = Math.floor(reference / SIZES.length)
    const at = (slot % sizeClass.slotsPerBlock) * sizeClass.size
    return sizeClass.blocks[Math.floor(slot / sizeClass.slotsPerBlock)].subarray(at, at + length)
  }
}
