/**
 * The one table of problems: every code that a whole request can be answered with, its HTTP status and its title.
 * Codes of single events are part of the receipt's schema.
 */

/** Every problem code, its status and title. */
export const PROBLEMS = {
  invalid_json: { status: 400, title: 'The body is not valid JSON' },
  invalid_utf8: { status: 400, title: 'The body is not valid UTF-8' },
  invalid_encoding: { status: 400, title: 'The body cannot be decompressed' },
  nesting_too_deep: { status: 400, title: 'The body is nested too deeply to be read' },
  no_events: { status: 400, title: 'The body holds no events' },
  incomplete_body: { status: 400, title: 'The body ended early' },
  invalid_query: { status: 400, title: 'The query string is not valid' },
  invalid_cursor: { status: 400, title: 'The cursor is not one of ours' },
  bad_request: { status: 400, title: 'The request is not valid' },
  unauthorized: { status: 401, title: 'A key is needed' },
  forbidden: { status: 403, title: 'The key does not allow this' },
  origin_not_allowed: { status: 403, title: 'This origin is not allowed' },
  host_not_allowed: { status: 403, title: 'This host is not allowed' },
  not_found: { status: 404, title: 'There is nothing here' },
  method_not_allowed: { status: 405, title: 'The method does not fit this address' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  cursor_lost: { status: 410, title: 'The events after this cursor are gone' },
  body_too_large: { status: 413, title: 'The body is too large' },
  too_many_events: { status: 413, title: 'The body holds too many events' },
  unsupported_media_type: { status: 415, title: 'This media type cannot be read' },
  unsupported_encoding: { status: 415, title: 'This content encoding cannot be read' },
  all_rejected: { status: 422, title: 'Every event was rejected' },
  upgrade_required: { status: 426, title: 'This address speaks WebSocket' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  headers_too_large: { status: 431, title: 'The headers are too long' },
  internal_error: { status: 500, title: 'Something went wrong here' },
  not_implemented: { status: 501, title: 'This part of HTTP is not served here' },
  all_unavailable: { status: 503, title: 'No event could be accepted now' },
  storage_unavailable: { status: 503, title: 'The storage cannot answer now' },
  overloaded: { status: 503, title: 'Too much is being sent at the same time' },
  too_many_subscribers: { status: 503, title: 'No more subscribers can be served' },
  not_ready: { status: 503, title: 'The service is not ready' },
  stopping: { status: 503, title: 'The service is stopping' },
  http_version_not_supported: { status: 505, title: 'This version of HTTP is not served here' }
} as const

/** One of the codes above. */
export type ProblemCode = keyof typeof PROBLEMS

/** A request that is answered with a problem. `detail` reaches the client, so it holds nothing internal. */
export class ProblemError extends Error {
  override name = 'ProblemError'
  readonly code: ProblemCode
  /** Further answer headers, such as `retry-after` or `allow`. */
  readonly headers: Record<string, string>

  constructor(code: ProblemCode, detail: string, headers: Record<string, string> = {}) {
    super(detail)
    this.code = code
    this.headers = headers
  }

  get statusCode(): number {
    return PROBLEMS[this.code].status
  }
}
