/** One line a request instead of Fastify's two, and the logger for whatever else is said of one. */
import { LogController, type FastifyBaseLogger, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Bindings, ChildLoggerOptions, Logger } from 'pino'
import { describeAnswer } from './logger.ts'

type Arguments = [object: object, message?: string]

/**
 * The logger of one request. A child of the application's is made when there is something to say beside the line of the answer,
 * which nearly no request has, and costs more than that line.
 */
class RequestLogger {
  readonly #parent: Logger
  readonly #bindings: Bindings
  readonly #options: ChildLoggerOptions
  #child: Logger | undefined

  constructor(parent: Logger, bindings: Bindings, options: ChildLoggerOptions) {
    this.#parent = parent
    this.#bindings = bindings
    this.#options = options
  }

  get level(): string {
    return this.#options.level ?? this.#parent.level
  }

  /** Writes the line of the answer, unless no line of its level is written. */
  answered(request: FastifyRequest, reply: FastifyReply): void {
    const logger = this.#options.level === undefined ? this.#parent : this.#own
    if (logger.isLevelEnabled('info')) logger.info({ ...logger === this.#parent && this.#bindings, ...describeAnswer(request, reply) }, 'answered')
  }

  child(bindings: Bindings, options?: ChildLoggerOptions): Logger {
    return this.#own.child(bindings, options)
  }

  fatal(...line: Arguments): void { this.#own.fatal(...line) }
  error(...line: Arguments): void { this.#own.error(...line) }
  warn(...line: Arguments): void { this.#own.warn(...line) }
  info(...line: Arguments): void { this.#own.info(...line) }
  debug(...line: Arguments): void { this.#own.debug(...line) }
  trace(...line: Arguments): void { this.#own.trace(...line) }
  silent(): void {}

  get #own(): Logger {
    this.#child ??= this.#parent.child(this.#bindings, this.#options)
    return this.#child
  }
}

/** Makes the logger of a request, for Fastify's `childLoggerFactory`. */
export function requestLogger(parent: FastifyBaseLogger, bindings: Bindings, options: ChildLoggerOptions): FastifyBaseLogger {
  return new RequestLogger(parent as Logger, bindings, options) as FastifyBaseLogger
}

/** Writes the line of a request when it has been answered. */
export class RequestLog extends LogController {
  constructor() {
    super({ requestIdLogLabel: 'request_id' })
  }

  override incomingRequest(): void {
    // the line of the answer says it all
  }

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    if (error) request.log.warn({ ...describeAnswer(request, reply), err: error }, 'answer not delivered')
    else if (request.log instanceof RequestLogger) request.log.answered(request, reply)
  }
}
