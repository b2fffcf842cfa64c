/**
 * What a core holds, but for its event log, as bytes that another core of the same time or a later one becomes: ids as the images
 * of their table, and counts by their meaning, so that what has left a window meanwhile is just not counted.
 */
import { EVENT_TYPES, TIME_WINDOWS } from '../../../schemas/index.ts'
import { SAVED_WORDS } from './counts/minute-windows.ts'
import type { SavedIds } from './dedup/dedup-index.ts'
import type { IdSet } from './dedup/id-set.ts'
import type { Intake } from './intake.ts'
import type { Restoration } from './restoration.ts'
import { viewOf } from './users/keyed-hash.ts'

const HOUR = 3_600_000

/** Users, or entries of an hour, that are read at a time: a few milliseconds. */
const PIECE = 1 << 14

/** How the bytes are to be read. */
export interface ImageLayout {
  /** The core's now, in milliseconds since 1970. */
  now: number
  types: readonly string[]
  ids: SavedIds
  /** Bytes of the late ids' image; absent where there are none. */
  late?: number
  /** The newest timestamp counted, and words of the minutes. */
  newest: number
  minutes: number
  /** Pieces of the users: how many, and the bytes of their names. */
  users: readonly (readonly [number, number])[]
  /** Each hour, and the entries that it has. */
  hours: readonly (readonly [number, number])[]
}

/** Writes the next bytes of an image, which are the caller's. */
export type WriteBytes = (bytes: Uint8Array) => void

/** Where an image is read from. */
export interface ImageSource {
  /** Reads the next bytes, as many as the array has. */
  read(into: Uint8Array): Promise<void>
  /** Says that this was all, and makes sure that it was what was written; rejects where it was not. */
  end(): Promise<void>
}

/** Writes a core's image; its users' windows are current. O(what it holds). */
export function writeImage({ dedup, windows, users, activity, now }: Intake, late: IdSet | undefined, write: WriteBytes): ImageLayout {
  const { saved: ids, images } = dedup.save()
  for (const image of images) write(image)
  const lateImage = late?.image
  if (lateImage !== undefined) write(lateImage)
  const minutes = windows.save()
  write(bytesOf(minutes))

  // Users get the numbers 0, 1, … in the image.
  const numbers = new Uint32Array(users.limit)
  const pieces: [number, number][] = []
  let count = 0
  let piece: { lastSeen: number[], lengths: number[], names: Buffer[] } = { lastSeen: [], lengths: [], names: [] }
  const flush = (): void => {
    const text = Buffer.concat(piece.names)
    pieces.push([piece.names.length, text.length])
    write(bytesOf(Float64Array.from(piece.lastSeen)))
    write(bytesOf(Uint16Array.from(piece.lengths)))
    write(text)
    piece = { lastSeen: [], lengths: [], names: [] }
  }
  for (let user = 0; user < users.limit; user++) {
    const name = users.name(user)
    if (name.length === 0 || users.lastSeen(user) < 0) continue
    numbers[user] = count++
    piece.lastSeen.push(users.lastSeen(user))
    piece.lengths.push(name.length)
    piece.names.push(name)
    if (piece.lastSeen.length === PIECE) flush()
  }
  if (piece.lastSeen.length > 0) flush()

  const hours = activity.hours.map((hour) => {
    const pairs = activity.save(hour)
    for (let at = 0; at < pairs.length; at += 2) pairs[at] = numbers[pairs[at]]
    write(bytesOf(pairs))
    return [hour, pairs.length / 2] as const
  })
  return { now, types: EVENT_TYPES, ids, late: lateImage?.length, newest: windows.newest, minutes: minutes.length, users: pieces, hours }
}

/**
 * Makes a core that is empty what an image says.
 * @throws RangeError where the image is of another kind of core, or of a later time
 */
export async function readImage(intake: Intake, restoration: Restoration, layout: ImageLayout, source: ImageSource): Promise<void> {
  const { dedup, windows, users, activity, now } = intake
  const read = (into: Uint8Array): Promise<void> => source.read(into)
  if (String(layout.types) !== String(EVENT_TYPES) || layout.minutes % SAVED_WORDS !== 0) throw new RangeError('this is the image of a core with other types')
  if (layout.now > now) throw new RangeError('this is the image of a later time')
  await dedup.load(layout.ids, read)
  if (layout.late !== undefined) await restoration.lateToFill.takeImage(layout.late, read)
  const minutes = new Uint32Array(layout.minutes)
  await read(bytesOf(minutes))
  windows.load(minutes, layout.newest)

  const firstHour = activity.firstHourOf(TIME_WINDOWS.length - 1)
  const numbers: number[] = []
  for (const [count, nameBytes] of layout.users) {
    const lastSeen = new Float64Array(count)
    const lengths = new Uint16Array(count)
    const names = Buffer.allocUnsafe(nameBytes)
    for (const part of [bytesOf(lastSeen), bytesOf(lengths), names]) await read(part)
    const view = viewOf(names)
    for (let i = 0, at = 0; i < count; at += lengths[i++]) {
      const number = numbers.push(-1) - 1
      if (Math.floor(lastSeen[i] / HOUR) < firstHour) continue // no window reaches this user any more
      const user = users.add(users.hash(view, at, at + lengths[i]), view, at, at + lengths[i], Infinity)
      users.setLastSeen(user, lastSeen[i])
      windows.restoreUser(lastSeen[i])
      numbers[number] = user
    }
  }
  for (const [hour, entries] of layout.hours) {
    for (let from = 0; from < entries; from += PIECE) {
      const pairs = new Uint32Array(2 * Math.min(PIECE, entries - from))
      await read(bytesOf(pairs))
      if (hour < firstHour) continue
      for (let at = 0; at < pairs.length; at += 2) activity.restore(numbers[pairs[at]], hour, pairs[at + 1])
    }
  }
  await source.end()
}

function bytesOf({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
