/**
 * Frees large buffers when they are done with. Left to the garbage collector they would lie about until it is told that
 * much has been allocated, and each of its rounds goes over the whole heap.
 */

/** From this many bytes on it is worth it. */
export const WORTH_FREEING = 16 << 10

/** Frees the memory in which a buffer lies, if it is a large one. The caller knows that nobody uses any of it any more. */
export function freeMemory(buffer: Buffer): void {
  if (buffer.length >= WORTH_FREEING) (buffer.buffer as ArrayBuffer).transfer(0)
}
