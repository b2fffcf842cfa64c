/** A client frame that could not be carried out; answered with an `error` frame, the connection stays usable. */
import { FRAME_ERROR_CODES } from '../../schemas/index.ts'
import { InvalidCursorError, StorageUnavailableError } from '../backends/backend.ts'
import { ProblemError } from '../errors.ts'

/** What a client may name its frame by. */
export type FrameId = string | number

/** What may be wrong with a client frame. */
export type FrameErrorCode = (typeof FRAME_ERROR_CODES)[number]

/** The codes of frames that cannot be understood; several of them within a short time are no accident. */
const BAD: ReadonlySet<FrameErrorCode> = new Set<FrameErrorCode>(['invalid_json', 'nesting_too_deep', 'invalid_frame', 'unknown_type'])

/** See above. The message reaches the client, so it holds nothing internal. */
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
