/**
 * The client's frames, from bytes to what is asked for, and what may be wrong with them. Events to publish are found but not
 * parsed: their bytes go the same way as the body of an HTTP request, so that they get the same verdicts.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import {
  Event, FRAME_ERROR_CODES, FRAME_ID_MAX_LENGTH, OWN_SCHEMAS, PingFrame as PingSchema, PublishFrame, SubscribeFrame as SubscribeSchema,
  UnsubscribeFrame as UnsubscribeSchema, UnwatchFrame as UnwatchSchema, WatchFrame as WatchSchema, type ClientFrame
} from '../../schemas/index.ts'
import { InvalidCursorError, StorageUnavailableError } from '../backends/backend.ts'
import { ProblemError } from '../errors.ts'
import { isUserId } from '../ingest/event-validator.ts'
import { JsonError, byteOrderMark, members, skipValue, skipWhitespace, type Member } from '../ingest/json.ts'
import { parseJson } from '../ingest/json-value.ts'
import { syntaxProblem } from '../ingest/syntax-problem.ts'

/** What a client may name its frame by. */
export type FrameId = string | number

/** What may be wrong with a client frame. */
export type FrameErrorCode = (typeof FRAME_ERROR_CODES)[number]

/** The codes of frames that cannot be understood; several of them within a short time are no accident. */
const BAD: ReadonlySet<FrameErrorCode> = new Set<FrameErrorCode>(['invalid_json', 'nesting_too_deep', 'invalid_frame', 'unknown_type'])

/**
 * A client frame that could not be carried out; answered with an `error` frame, and the connection stays usable. The message
 * reaches the client, so it holds nothing internal.
 */
export class FrameError extends Error {
  override name = 'FrameError'
  readonly code: FrameErrorCode
  /** The id of the frame, where it could be read. */
  readonly id: FrameId | undefined

  constructor(code: FrameErrorCode, detail: string, id?: FrameId) {
    super(detail)
    this.code = code
    this.id = id
  }

  /** Whether the frame could not be understood. */
  get isBadFrame(): boolean {
    return BAD.has(this.code)
  }
}

/** Events to accept: one event or an array of them, as JSON. */
export interface Publish {
  type: 'publish'
  id?: FrameId
  body: Buffer
}

/** What a client asks for. */
export type ClientRequest = Publish | Exclude<ClientFrame, { type: 'publish' }>

/** What a client is told about whatever went wrong with its frame. */
export function asFrameError(error: unknown, id: FrameId | undefined): FrameError {
  if (error instanceof FrameError) return error
  if (error instanceof ProblemError && isFrameErrorCode(error.code)) return new FrameError(error.code, error.message, id)
  if (error instanceof InvalidCursorError) return new FrameError('invalid_cursor', 'this is not a cursor that an answer of this service gave', id)
  if (error instanceof StorageUnavailableError) return new FrameError('storage_unavailable', 'nothing has changed; send the same frame again', id)
  return new FrameError('internal_error', 'the service failed; nothing is known of what became of this frame', id)
}

function isFrameErrorCode(code: string): code is FrameErrorCode {
  return (FRAME_ERROR_CODES as readonly string[]).includes(code)
}

const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b
const BACKSLASH = 0x5c

/** Bytes of the longest known key, with every character escaped, and its quotes. */
const KEY_MAX_BYTES = 64

/** Most bytes of a frame that is not a `publish`; how long one is, is known before it is parsed. */
const MAX_BYTES = 1 << 20

const EVENT_FIELDS: ReadonlySet<string> = new Set(Object.keys(Event.properties))
const PUBLISH_FIELDS: ReadonlySet<string> = new Set(Object.keys(PublishFrame.properties))

const KNOWN_FIELDS: ReadonlySet<string> = new Set([...EVENT_FIELDS, ...PUBLISH_FIELDS])

/** Stands for all other fields. */
const UNKNOWN = ''

const ajv = new Ajv({ ...OWN_SCHEMAS, formats: { 'user-id': isUserId } })
const VALIDATORS = new Map<string, ValidateFunction>(
  [SubscribeSchema, UnsubscribeSchema, WatchSchema, UnwatchSchema, PingSchema].map((schema) => [schema.properties.type.const, ajv.compile(schema)])
)
const KNOWN_TYPES = [PublishFrame.properties.type.const, ...VALIDATORS.keys()].join(', ')

/**
 * Reads one frame, which is valid UTF-8. An array, an object that has fields of an event and no `type`, and one that has only
 * `events` are events to publish. Of those nothing but the end is looked for; yields where it can be held up. O(length).
 * @throws FrameError
 */
export function * readClientFrame(bytes: Buffer): Generator<void, ClientRequest> {
  try {
    const start = skipWhitespace(bytes, byteOrderMark(bytes), bytes.length)
    if (bytes[start] === OPEN_BRACKET) return { type: 'publish', body: bytes }
    if (bytes[start] === OPEN_BRACE) return yield * readObject(bytes, start)
    expectEnd(bytes, skipValue(bytes, start, bytes.length))
  } catch (error) {
    throw error instanceof JsonError ? asFrameError(yield * syntaxProblem(bytes, error), undefined) : error
  }
  throw new FrameError('invalid_frame', 'a frame is a JSON object with a `type`, an event, or an array of events')
}

function expectEnd(bytes: Buffer, at: number): void {
  const end = skipWhitespace(bytes, at, bytes.length)
  if (end < bytes.length) throw new JsonError(end)
}

/** Finds where the members of a frame lie, by their names; those before a mistake, too. */
function * locate(bytes: Buffer, start: number, found: Map<string, Member>): Generator<void, void> {
  const work = members(bytes, start, bytes.length)
  for (let step = work.next(); ; step = work.next()) {
    if (step.done === true) {
      expectEnd(bytes, step.value)
      return
    }
    const member = step.value
    if (member === undefined) {
      yield
    } else {
      const key = keyAt(bytes, member)
      found.set(KNOWN_FIELDS.has(key) ? key : UNKNOWN, member)
    }
  }
}

function * readObject(bytes: Buffer, start: number): Generator<void, ClientRequest> {
  const found = new Map<string, Member>()
  try {
    yield * locate(bytes, start, found)
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw asFrameError(yield * syntaxProblem(bytes, error), idAt(bytes, found.get('id')))
  }
  const type = found.get('type')
  if (type === undefined) {
    for (const key of found.keys()) if (EVENT_FIELDS.has(key)) return { type: 'publish', body: bytes }
    if (found.size === 1 && found.has('events')) return { type: 'publish', body: bytes }
    throw new FrameError('invalid_frame', 'a frame has a `type`, and an event its own fields', idAt(bytes, found.get('id')))
  }
  const id = readId(bytes, found.get('id'))
  const name = type.valueEnd - type.valueStart <= KEY_MAX_BYTES ? valueAt(bytes, type) : undefined
  if (name === 'publish') return readPublish(bytes, found, id)
  const validate = typeof name === 'string' ? VALIDATORS.get(name) : undefined
  if (validate === undefined) throw new FrameError('unknown_type', `\`type\` must be one of ${KNOWN_TYPES}`, id)
  if (bytes.length > MAX_BYTES) throw new FrameError('invalid_frame', `a frame that is not a \`publish\` may have at most ${MAX_BYTES} bytes`, id)
  const frame = parseJson(bytes.toString('utf8', start))
  if (!validate(frame)) throw new FrameError('invalid_frame', describe(validate.errors![0]), id)
  return frame as ClientRequest
}

function readPublish(bytes: Buffer, members: Map<string, Member>, id: FrameId | undefined): Publish {
  for (const key of members.keys()) {
    if (!PUBLISH_FIELDS.has(key)) throw new FrameError('invalid_frame', 'a `publish` frame has only `type`, `id` and `events`', id)
  }
  const events = members.get('events')
  if (events === undefined || bytes[events.valueStart] !== OPEN_BRACKET) {
    throw new FrameError('invalid_frame', '`events` must be an array of events', id)
  }
  return { type: 'publish', id, body: bytes.subarray(events.valueStart, events.valueEnd) }
}

/** The id of a frame, if it has one that can be echoed. */
function readId(bytes: Buffer, member: Member | undefined): FrameId | undefined {
  if (member === undefined) return undefined
  const id = idAt(bytes, member)
  if (id !== undefined) return id
  throw new FrameError('invalid_frame', `\`id\` must be a string of at most ${FRAME_ID_MAX_LENGTH} characters or an integer within 2^53`)
}

/** The id that a value is, if it can be echoed. */
function idAt(bytes: Buffer, member: Member | undefined): FrameId | undefined {
  if (member === undefined) return undefined
  const id = member.valueEnd - member.valueStart <= FRAME_ID_MAX_LENGTH * 12 + 2 ? valueAt(bytes, member) : undefined
  if (typeof id === 'string' && [...id].length <= FRAME_ID_MAX_LENGTH) return id
  return Number.isSafeInteger(id) ? id as number : undefined
}

function valueAt(bytes: Buffer, { valueStart, valueEnd }: Member): unknown {
  return JSON.parse(bytes.toString('utf8', valueStart, valueEnd))
}

function keyAt(bytes: Buffer, { keyStart, keyEnd }: Member): string {
  if (keyEnd - keyStart > KEY_MAX_BYTES) return UNKNOWN
  const text = bytes.toString('utf8', keyStart + 1, keyEnd - 1)
  return bytes.subarray(keyStart, keyEnd).includes(BACKSLASH) ? JSON.parse(`"${text}"`) : text
}

function describe({ keyword, instancePath, message, params }: ErrorObject): string {
  const where = instancePath === '' ? 'the frame' : `\`${instancePath.slice(1).replaceAll('/', '.')}\``
  return keyword === 'enum' ? `${where} must be one of ${params.allowedValues.join(', ')}` : `${where} ${message}`
}
