/**
 * The chunks of a body that is arriving. A Buffer takes a hundred bytes beside its own, and a peer may send chunks of one byte, so
 * small ones are put together as they come: a body takes at most about twice its bytes. [LIMIT-1]
 */

/** Chunks smaller than this are put together. */
const SMALL_CHUNK_BYTES = 4 * 1024

/** Most room made at a time for small chunks; else as much as has come so far. */
const MAX_ROOM_BYTES = 64 * 1024

/** Smaller memory is left to the garbage collector. */
const WORTH_FREEING = 16 * 1024

/**
 * Frees the memory of a buffer that nobody reads any more, where it holds nothing else. The garbage collector would look for it
 * among all there is, again and again, because bodies are much memory in few objects: a tenth of ingest in large batches.
 */
export function freeMemory(buffer: Buffer): void {
  if (buffer.length >= WORTH_FREEING && buffer.length === buffer.buffer.byteLength) (buffer.buffer as ArrayBuffer).transfer(0)
}

/** The chunks of one body, in the order in which they came. */
export class BodyChunks {
  readonly #chunks: Buffer[] = []
  /** The latest of them where small ones are being put together, and how much of it is used. */
  #room: Buffer | undefined
  #used = 0
  /** Bytes of all chunks. */
  length = 0

  /** Pieces that it is kept in. */
  get count(): number {
    return this.#chunks.length
  }

  /** Adds a chunk, which is kept as it is or copied. */
  add(chunk: Buffer): void {
    this.length += chunk.length
    if (this.count > 0 && chunk.length < SMALL_CHUNK_BYTES && this.#left < chunk.length) {
      this.#closeRoom()
      this.#chunks.push(this.#room = Buffer.allocUnsafe(Math.min(MAX_ROOM_BYTES, Math.max(SMALL_CHUNK_BYTES, this.length))))
    }
    if (this.#room !== undefined && this.#left >= chunk.length) {
      this.#used += chunk.copy(this.#room, this.#used)
    } else {
      this.#closeRoom()
      this.#chunks.push(chunk)
    }
  }

  /** All of them as one; a single one without a copy. Several are freed, and this is the end of it. */
  concat(): Buffer {
    this.#closeRoom()
    const chunks = this.#chunks
    if (chunks.length < 2) return chunks[0] ?? Buffer.alloc(0)
    const body = Buffer.concat(chunks, this.length)
    for (const chunk of chunks.splice(0)) freeMemory(chunk)
    return body
  }

  /** Bytes that still fit into the room. */
  get #left(): number {
    return (this.#room?.length ?? 0) - this.#used
  }

  #closeRoom(): void {
    if (this.#room !== undefined) this.#chunks[this.#chunks.length - 1] = this.#room.subarray(0, this.#used)
    this.#room = undefined
    this.#used = 0
  }
}
