/**
 * What a disk may hold when the power goes, worked out from the log of what was done to it. Each file has the content that
 * processes see, the content that is safe, and for each page the versions that were written since the last sync, any of
 * which may have reached the disk by then, in any order. Names of files are safe once their folder was synced.
 *
 * A sync that fails leaves each page that it should have written on the disk or not, and marks all of them clean either
 * way, as Linux does: processes still see what they wrote, and no later sync writes it unless it is written again.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pick, type Random } from '../../demo/random.ts'
import { RecordType, type DiskRecord } from './disk-log.ts'

/** Bytes that the system keeps, and writes, together. */
export const PAGE = 4096
const SECTOR = 512

/** What becomes of what was not synced when the power goes. */
export const CUT_KINDS = ['lost', 'kept', 'in order', 'reordered', 'torn at 4,096', 'torn at 512'] as const
export type CutKind = (typeof CUT_KINDS)[number]

/** A state of something at a moment, which is the number of the step that made it. */
interface Version<T> {
  step: number
  value: T
}

/** Of some versions, and what is safe, the one that is found after the loss of power. */
type Choice = <T>(safe: T, versions: readonly Version<T>[]) => T

const ZEROS = Buffer.alloc(PAGE)

/** Bytes that grow; what lies after their end is zero. */
class Content {
  #memory = Buffer.alloc(4 * PAGE)
  size = 0

  /** Bytes from one offset to another, which may lie after the end; a view until the next change. */
  view(from: number, to: number): Buffer {
    this.#reserve(to)
    return this.#memory.subarray(from, to)
  }

  write(data: Uint8Array, offset: number): void {
    this.view(offset, offset + data.length).set(data)
    this.size = Math.max(this.size, offset + data.length)
  }

  resize(size: number): void {
    if (size < this.size) this.view(size, this.size).fill(0)
    this.size = size
  }

  get bytes(): Buffer {
    return this.view(0, this.size)
  }

  #reserve(size: number): void {
    if (size <= this.#memory.length) return
    const larger = Buffer.alloc(Math.max(size, 2 * this.#memory.length))
    this.#memory.copy(larger, 0, 0, this.size)
    this.#memory = larger
  }
}

class ModelFile {
  readonly seen = new Content()
  readonly safe = new Content()
  readonly #pages = new Map<number, Version<Buffer>[]>()
  #sizes: Version<number>[] = []
  /** Pages of which a failed sync may have lost what is seen. */
  readonly dropped = new Set<number>()

  write(data: Buffer, offset: number, step: number): void {
    if (offset + data.length > this.seen.size) this.#sizes.push({ step, value: offset + data.length })
    this.seen.write(data, offset)
    for (let page = Math.floor(offset / PAGE); page * PAGE < offset + data.length; page++) {
      this.#add(page, Buffer.from(this.#seenPage(page)), step)
      this.dropped.delete(page)
    }
  }

  resize(size: number, step: number): void {
    const before = this.seen.size
    this.seen.resize(size)
    this.#sizes.push({ step, value: size })
    if (size % PAGE !== 0) this.#add(Math.floor(size / PAGE), Buffer.from(this.#seenPage(Math.floor(size / PAGE))), step)
    for (let page = Math.ceil(size / PAGE); page * PAGE < before; page++) {
      this.#add(page, ZEROS, step)
      this.dropped.delete(page)
    }
  }

  sync(): void {
    for (const page of this.#pages.keys()) this.safe.write(this.#seenPage(page), page * PAGE)
    this.safe.resize(this.seen.size)
    this.#forget()
  }

  /** @param drops whether a page does not reach the disk */
  failSync(drops: () => boolean): void {
    let end = this.safe.size
    for (const page of this.#pages.keys()) {
      if (drops()) {
        this.dropped.add(page)
        continue
      }
      const size = Math.max(this.safe.size, Math.min(this.seen.size, (page + 1) * PAGE))
      this.safe.write(this.#seenPage(page), page * PAGE)
      this.safe.resize(size)
      end = Math.max(end, size)
    }
    // The journal of a file system keeps sizes whatever becomes of the pages.
    this.safe.resize(drops() ? end : this.seen.size)
    this.#forget()
  }

  /** The page is read from the disk again: what is seen of it is what is safe. */
  evict(page: number): Buffer {
    const end = Math.min(this.seen.size, (page + 1) * PAGE)
    const data = Buffer.from(this.safe.view(page * PAGE, (page + 1) * PAGE).subarray(0, Math.max(0, end - page * PAGE)))
    this.seen.write(data, page * PAGE)
    this.dropped.delete(page)
    return data
  }

  /** Content after the power went. */
  afterPowerLoss(choice: Choice, unit: number, filling: Buffer): Buffer {
    const size = choice(this.safe.size, this.#sizes)
    const content = Buffer.alloc(size)
    this.safe.bytes.copy(content)
    // Space that was allocated and never written holds anything.
    for (let at = this.safe.size; at < size; at += PAGE) filling.copy(content, at)
    for (const [page, versions] of this.#pages) {
      for (let at = 0; at < PAGE && page * PAGE + at < size; at += unit) {
        const chosen = choice<Buffer | undefined>(undefined, versions)
        chosen?.copy(content, page * PAGE + at, at, at + unit)
      }
    }
    return content
  }

  #add(page: number, value: Buffer, step: number): void {
    const versions = this.#pages.get(page)
    if (versions === undefined) this.#pages.set(page, [{ step, value }])
    else versions.push({ step, value })
  }

  #forget(): void {
    this.#pages.clear()
    this.#sizes = []
  }

  #seenPage(page: number): Buffer {
    return this.seen.view(page * PAGE, (page + 1) * PAGE)
  }
}

type Node = ModelFile | ModelFolder

/** The names in it, as they are seen and as they are safe. */
class ModelFolder {
  readonly seen = new Map<string, Node>()
  #safe = new Map<string, Node>()
  #versions: Version<Map<string, Node>>[] = []

  set(name: string, node: Node | undefined, step: number): void {
    if (node === undefined) this.seen.delete(name)
    else this.seen.set(name, node)
    if (this.#versions.at(-1)?.step === step) this.#versions.pop()
    this.#versions.push({ step, value: new Map(this.seen) })
  }

  sync(): void {
    this.#safe = new Map(this.seen)
    this.#versions = []
  }

  afterPowerLoss(choice: Choice): Map<string, Node> {
    return choice(this.#safe, this.#versions)
  }
}

/** A disk: one folder, and everything that is done in it. */
export class DiskModel {
  readonly #root: string
  readonly #top = new ModelFolder()
  readonly #handles = new Map<bigint, Node>()
  readonly #random: Random
  readonly #dropRate: number
  #step = 0

  /**
   * @param root path of the folder, which itself is safe
   * @param initial content of the files that are there from the beginning, by their paths in the folder
   * @param dropRate the share of its pages that a failed sync does not bring to the disk
   * @param random decides which
   */
  constructor(root: string, initial: ReadonlyMap<string, Buffer>, dropRate: number, random: Random) {
    this.#root = root
    this.#dropRate = dropRate
    this.#random = random
    for (const [name, content] of initial) {
      const path = join(root, name)
      const file = new ModelFile()
      file.write(content, 0, 0)
      file.sync()
      this.#folderOf(path, true).set(nameOf(path), file, 0)
    }
    this.#syncAll(this.#top)
  }

  /** Does what a record says. */
  apply({ type, created, error, handle, offset, payload }: DiskRecord): void {
    this.#step++
    const step = this.#step
    const path = type === RecordType.Rename ? '' : payload.toString()
    switch (type) {
      case RecordType.Open: {
        if (created) this.#folderOf(path).set(nameOf(path), new ModelFile(), step)
        this.#handles.set(handle, this.#nodeAt(path))
        break
      }
      case RecordType.Write: return this.#file(handle).write(payload, offset, step)
      case RecordType.Truncate: return this.#file(handle).resize(offset, step)
      case RecordType.Sync: {
        const node = this.#handles.get(handle)!
        if (error === 0) node.sync()
        else if (node instanceof ModelFile) node.failSync(() => this.#random() < this.#dropRate)
        break
      }
      case RecordType.Unlink: return this.#folderOf(path).set(nameOf(path), undefined, step)
      case RecordType.MakeFolder: return this.#folderOf(path).set(nameOf(path), new ModelFolder(), step)
      case RecordType.Rename: {
        const [from, to] = payload.toString().split('\0')
        const node = this.#nodeAt(from)
        this.#folderOf(from).set(nameOf(from), undefined, step)
        this.#folderOf(to).set(nameOf(to), node, step)
        break
      }
      case RecordType.Evict: this.evict(path, offset)
    }
  }

  /** The files that processes see, by their paths. */
  files(): Map<string, Buffer> {
    const found = new Map<string, Buffer>()
    const visit = (folder: ModelFolder, path: string): void => {
      for (const [name, node] of folder.seen) {
        if (node instanceof ModelFile) found.set(join(path, name), node.seen.bytes)
        else visit(node, join(path, name))
      }
    }
    visit(this.#top, this.#root)
    return found
  }

  /** Pages that a failed sync may have lost and that still show what was written, by file. */
  droppedPages(): { path: string, page: number }[] {
    const found: { path: string, page: number }[] = []
    for (const path of this.files().keys()) {
      for (const page of (this.#nodeAt(path) as ModelFile).dropped) found.push({ path, page })
    }
    return found
  }

  /** The system has let go of a page and reads it again; returns what is seen of it from now on. */
  evict(path: string, page: number): Buffer {
    return (this.#nodeAt(path) as ModelFile).evict(page)
  }

  /** Writes the folder as it is found after the power went into another one. */
  cut(kind: CutKind, random: Random, into: string): void {
    const [choice, unit] = chooser(kind, random, this.#step)
    const filling = random() < 0.5 ? ZEROS : Buffer.alloc(PAGE, `${random()}`)
    const visit = (folder: ModelFolder, path: string): void => {
      mkdirSync(path, { recursive: true })
      for (const [name, node] of folder.afterPowerLoss(choice)) {
        if (node instanceof ModelFolder) visit(node, join(path, name))
        else writeFileSync(join(path, name), node.afterPowerLoss(choice, unit, filling))
      }
    }
    visit(this.#top, into)
  }

  #file(handle: bigint): ModelFile {
    return this.#handles.get(handle) as ModelFile
  }

  #folderOf(path: string, makes = false): ModelFolder {
    if (path === this.#root) throw new Error('the folder itself is neither made nor deleted')
    const parent = dirname(path)
    if (parent === this.#root) return this.#top
    const above = this.#folderOf(parent, makes)
    if (makes && !above.seen.has(nameOf(parent))) above.set(nameOf(parent), new ModelFolder(), 0)
    return above.seen.get(nameOf(parent)) as ModelFolder
  }

  #nodeAt(path: string): Node {
    if (path === this.#root) return this.#top
    const node = this.#folderOf(path).seen.get(nameOf(path))
    if (node === undefined) throw new Error(`the log does not say where ${path} comes from`)
    return node
  }

  #syncAll(folder: ModelFolder): void {
    folder.sync()
    for (const node of folder.seen.values()) if (node instanceof ModelFolder) this.#syncAll(node)
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** How versions are chosen in a cut of some kind, and for how many bytes at a time. */
function chooser(kind: CutKind, random: Random, now: number): [Choice, number] {
  const newest = <T>(safe: T, versions: readonly Version<T>[], isKept: (step: number) => boolean): T =>
    versions.findLast(({ step }) => isKept(step))?.value ?? safe
  switch (kind) {
    case 'lost': return [(safe) => safe, PAGE]
    case 'kept': return [(safe, versions) => newest(safe, versions, () => true), PAGE]
    case 'in order': {
      // Most of what is not synced is young.
      const last = now - Math.floor(40 * random() ** 2)
      return [(safe, versions) => newest(safe, versions, (step) => step <= last), PAGE]
    }
    case 'reordered': {
      const kept = new Map<number, boolean>()
      const isKept = (step: number): boolean => {
        if (!kept.has(step)) kept.set(step, random() < 0.5)
        return kept.get(step)!
      }
      return [(safe, versions) => newest(safe, versions, isKept), PAGE]
    }
    case 'torn at 4,096':
    case 'torn at 512': {
      const any: Choice = (safe, versions) => versions.length === 0 ? safe : pick(random, [safe, ...versions.map(({ value }) => value)])
      return [any, kind === 'torn at 512' ? SECTOR : PAGE]
    }
  }
}
