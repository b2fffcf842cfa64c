/**
 * Where things lie: partitions, their hash tags and keys, and the keyed hashes that spread ids and users over them. All
 * replicas of a cluster's service hash alike, by a secret that lies in the cluster.
 */
import { createCipheriv } from 'node:crypto'
import slotOf from 'cluster-key-slot'
import type { Batch } from '../batch.ts'
import { KeyedHash } from '../core/users/keyed-hash.ts'

/** Slots of a Redis Cluster. */
const SLOTS = 16_384

/** Bytes of an id's hash that tables store. */
export const HASH_BYTES = 9

/** Bytes of the secret. */
export const SECRET_BYTES = 16

/**
 * A key prefix for each partition, `prefix:{tag}:`. The tags are chosen so that the partitions' slots lie evenly over the
 * cluster: the masters' even shares of the slots then hold even shares of the partitions.
 */
export function partitionPrefixes(prefix: string, partitions: number): string[] {
  return Array.from({ length: partitions }, (_, partition) => {
    const first = Math.floor(partition * SLOTS / partitions)
    const end = Math.floor((partition + 1) * SLOTS / partitions)
    for (let n = 0; ; n++) {
      const tag = `${partition}.${n}`
      const slot = slotOf(tag)
      if (slot >= first && slot < end) return `${prefix}:{${tag}}:`
    }
  })
}

/** The hashes of a batch. */
export interface BatchHashes {
  /** HASH_BYTES for each event. */
  ids: Buffer
  /** The partition that keeps each event's claim. */
  idPartitions: Uint8Array
  /** The partition that counts each event. */
  userPartitions: Uint8Array
}

/** Hashes ids and users by a secret. */
export class PartitionHash {
  readonly #partitions: number
  #secret!: Buffer
  #users!: KeyedHash

  /** @param secret SECRET_BYTES random bytes */
  constructor(secret: Buffer, partitions: number) {
    this.#partitions = partitions
    this.use(secret)
  }

  /** Hashes by another secret from now on. */
  use(secret: Buffer): void {
    this.#secret = secret
    this.#users = new KeyedHash((tables) => {
      const stream = createCipheriv('aes-128-ctr', secret, Buffer.alloc(16)).update(Buffer.alloc(tables.byteLength))
      Buffer.from(tables.buffer).set(stream)
    })
  }

  /**
   * Hashes a batch. An id is encrypted with AES, a keyed permutation of its 128 bits, all of a batch in one call: 72 bits are
   * stored and others choose the partition, so that with 10 billion ids one new id in 10^13 is taken for a known one.
   */
  hash(batch: Batch): BatchHashes {
    const { count } = batch
    const plain = Buffer.allocUnsafe(count * 16)
    for (let word = 0; word < count * 4; word++) plain.writeUInt32BE(batch.ids[word], word * 4)
    const cipher = createCipheriv('aes-128-ecb', this.#secret, null).setAutoPadding(false)
    const encrypted = cipher.update(plain)
    const ids = Buffer.allocUnsafe(count * HASH_BYTES)
    const idPartitions = new Uint8Array(count)
    const userPartitions = new Uint8Array(count)
    const bytes = new DataView(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.byteLength)
    for (let i = 0; i < count; i++) {
      encrypted.copy(ids, i * HASH_BYTES, i * 16, i * 16 + HASH_BYTES)
      idPartitions[i] = encrypted.readUInt32BE(i * 16 + 12) % this.#partitions
      userPartitions[i] = (this.#users.bytes(bytes, batch.userStart[i], batch.userEnd[i]) >>> 0) % this.#partitions
    }
    return { ids, idPartitions, userPartitions }
  }

  /** The partition that counts a user. */
  partitionOf(user: string): number {
    const bytes = Buffer.from(user)
    return (this.#users.bytes(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length) >>> 0) % this.#partitions
  }
}
