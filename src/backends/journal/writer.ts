/**
 * The writing thread of a journal: everything that may wait for a disk happens here. It serves one request at a time. After
 * a commit that failed it opens the file anew, by itself and again and again, until one succeeds.
 */
import { join } from 'node:path'
import type { MessagePort, Transferable } from 'node:worker_threads'
import { RefusedError } from '../backend.ts'
import { readBoot } from './boot.ts'
import type { Commit } from './connection.ts'
import { damageOf } from './damage.ts'
import { JOURNAL_FILE, LOCK_FILE, makeFolder, MARK_FILE, syncFolder } from './folder.ts'
import { JournalFile } from './journal-file.ts'
import { FolderLock } from './lock.ts'
import type { WriterAnswer, WriterOptions, WriterRequest } from './messages.ts'
import { slices, type Slice } from './slices.ts'
import { describeError, isBusy, isDamage, isFull, isReadError } from './sqlite-error.ts'
import { secureLog } from './write-ahead-log.ts'

/** Milliseconds between two attempts to write again. */
const RETRY_INTERVAL = 250

/** Milliseconds between two lines in the log about the same fault. */
const REMINDER_INTERVAL = 60_000

/** Milliseconds between two looks at whether the file is still in its place. */
const WATCH_INTERVAL = 1_000

/**
 * Serves a journal over a port until it is told to close.
 * @param commit ends transactions in the place of SQLite's own COMMIT
 * @param now milliseconds that only grow, by which reminders are due
 */
export function serveJournal(port: MessagePort, options: WriterOptions, commit?: Commit, now = () => performance.now()): void {
  let writer: Writer
  try {
    writer = new Writer(port, options, commit, now)
  } catch (error) {
    port.postMessage({ type: 'refused', message: refusal(error, options.directory) } satisfies WriterAnswer)
    return
  }
  port.on('message', (request: WriterRequest) => writer.handle(request))
}

class Writer {
  readonly #port: MessagePort
  readonly #options: WriterOptions
  readonly #now: () => number
  readonly #lock: FolderLock
  readonly #file: JournalFile
  #slices: Iterator<Slice> | undefined
  /** Whether everything has been read; what was asked for ahead is not begun anew. */
  #isReplayed = false
  #remindedAt = 0
  readonly #watch: NodeJS.Timeout
  /** From a failure to the next success. What is asked for meanwhile was asked before the failure was known, and failed with it. */
  #failed = false
  #retry: NodeJS.Timeout | undefined
  /** Nothing that was asked for before the end was known is begun. */
  #isEnded = false

  constructor(port: MessagePort, options: WriterOptions, commit: Commit | undefined, now: () => number) {
    const { directory, sync } = options
    this.#port = port
    this.#options = options
    this.#now = now
    makeFolder(directory)
    this.#lock = new FolderLock(join(directory, LOCK_FILE), directory)
    try {
      const file = join(directory, JOURNAL_FILE)
      const log = secureLog(`${file}-wal`)
      this.#file = new JournalFile({ file, sync, boot: readBoot(), commit, log, mark: join(directory, MARK_FILE), isLockNew: this.#lock.isNew })
      syncFolder(directory)
      this.#answer({ type: 'opened', found: this.#file.found() })
    } catch (error) {
      this.#lock.release()
      throw error
    }
    this.#watch = setInterval(() => this.#checkPlace(), WATCH_INTERVAL)
    if (!this.#file.isBegun) this.#fail(Object.assign(new Error('there is no room on the disk'), { errcode: 13 }))
  }

  /** Does what is asked for; answers over the port. */
  handle(request: WriterRequest): void {
    if (this.#isEnded) return
    if (request.type === 'close') this.#close()
    else if (request.type === 'recover') this.#recover()
    else if (request.type === 'replay') this.#replay(request)
    else if (!this.#failed) this.#change(request)
  }

  /** What is written to a file that is no longer in the folder is lost. */
  #checkPlace(): void {
    if (!this.#failed && !this.#file.isInPlace) this.#fail(new Error(`${JOURNAL_FILE} was deleted or replaced`))
  }

  #change(request: WriterRequest): void {
    if (request.type === 'commit') this.#commit(request)
    else if (request.type === 'trim') this.#trim(request)
    else if (request.type === 'retime') this.#retime(request)
  }

  #replay({ countedTo }: WriterRequest & { type: 'replay' }): void {
    if (this.#isReplayed) return
    try {
      this.#slices ??= this.#startReplay(countedTo)
      const { done, value } = this.#slices.next()
      if (done) {
        this.#slices = undefined
        this.#isReplayed = true
        this.#answer({ type: 'replayed' })
      } else {
        this.#answer({ type: 'slice', slice: value }, buffersOf(value))
      }
    } catch (error) {
      this.#answer({ type: 'refused', message: refusal(error, this.#options.directory) })
      this.#end()
    }
  }

  * #startReplay(countedTo: number): Generator<Slice> {
    const { logBytes, horizon, wall } = this.#options
    const { rows } = this.#file
    const newest = rows.newest() ?? { wall: 0, elapsed: 0 }
    // What the newest row needed, whatever time it is now: whether the clock is right is not known yet. [TIME-4]
    const needed = rows.positionAfter({ wall: Math.min(wall, newest.wall) - horizon, elapsed: newest.elapsed - horizon })
    const logged = rows.positionOfNewest(logBytes)
    if (logged < countedTo) yield * slices(rows.read(logged, logged, countedTo), true)
    yield * slices(rows.read(Math.max(countedTo, Math.min(needed, logged)), logged))
  }

  #commit({ rows }: WriterRequest & { type: 'commit' }): void {
    try {
      this.#file.append(rows)
    } catch (error) {
      this.#fail(error)
      return
    }
    const memory = rows[0].columns.buffer as ArrayBuffer
    this.#answer({ type: 'committed', memory }, [memory])
    try {
      this.#file.copyLog()
    } catch (error) {
      // Without room nothing is lost: SQLite copies from the write-ahead log again, from where a copy last succeeded.
      if (isFull(error)) this.#answer({ type: 'warning', detail: `the write-ahead log could not be copied: ${describeError(error)}` })
      else this.#fail(error) // a sync may have failed, and what it has lost of the log must be written again
    }
  }

  #trim({ before, position }: WriterRequest & { type: 'trim' }): void {
    try {
      this.#answer({ type: 'trimmed', oldest: this.#file.trim(before, position) })
    } catch (error) {
      if (isFull(error) || isBusy(error)) this.#answer({ type: 'trimmed', oldest: undefined, failed: describeError(error) })
      else this.#fail(error)
    }
  }

  #retime({ wall }: WriterRequest & { type: 'retime' }): void {
    this.#slices?.return?.()
    this.#slices = undefined
    this.#isReplayed = false
    try {
      this.#file.retime(wall)
      this.#answer({ type: 'retimed', found: this.#file.found() })
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#failed = true
    this.#remindedAt = this.#now()
    try {
      this.#file.failed()
    } catch {
      // Without the mark what the commit has left counts, after a restart, as what was sent and not answered.
    }
    this.#answer({ type: 'failed', code: isFull(error, this.#options.directory) ? 'full' : 'unavailable', detail: describeError(error) })
  }

  #recover(): void {
    try {
      if (this.#slices !== undefined) throw new Error('the journal is being read') // opening it anew would end that
      this.#file.reopen()
      this.#failed = false
      this.#answer({ type: 'recovered' })
    } catch (error) {
      const now = this.#now()
      if (now - this.#remindedAt >= REMINDER_INTERVAL) {
        this.#remindedAt = now
        this.#answer({ type: 'warning', detail: `the journal still cannot be written: ${describeError(error)}` })
      }
      this.#retry = setTimeout(() => this.#recover(), RETRY_INTERVAL)
    }
  }

  #close(): void {
    this.#slices?.return?.()
    try {
      if (!this.#failed) this.#file.close()
    } catch (error) {
      this.#answer({ type: 'warning', detail: `the journal could not be closed properly: ${describeError(error)}` })
    }
    this.#end()
  }

  /** Closes everything; with nothing left to wait for, the thread ends. */
  #end(): void {
    this.#isEnded = true
    clearTimeout(this.#retry)
    clearInterval(this.#watch)
    this.#file.abandon()
    this.#lock.release()
    this.#port.close()
  }

  #answer(answer: WriterAnswer, transfer: Transferable[] = []): void {
    this.#port.postMessage(answer, transfer)
  }
}

function buffersOf({ batch }: Slice): ArrayBuffer[] {
  return Object.values(batch).filter((column) => ArrayBuffer.isView(column)).map(({ buffer }) => buffer as ArrayBuffer)
}

/** What a person is told about a journal that cannot be used. */
function refusal(error: unknown, directory: string): string {
  if (error instanceof RefusedError) return error.message
  const file = join(directory, JOURNAL_FILE)
  if (isDamage(error)) return damageOf(file, describeError(error)).message
  if (isReadError(error)) return `${file} cannot be read: ${describeError(error)}. The disk may be failing; nothing was changed.`
  return `The journal in ${directory} cannot be opened: ${describeError(error)}. The folder must exist or be creatable, be writable by this user, and have room.`
}
