/**
 * What the service writes about itself: one line a request, when it has been answered, and never a key. Pretty in a
 * terminal, JSON elsewhere. How a request gets its line is in `request-log.ts`.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { destination, pino, type DestinationStream, type Logger } from 'pino'
import type { Receipt } from '../schemas/index.ts'
import type { Settings } from './settings.ts'

/** Where lines go: JSON to any stream, or to a terminal in colours. */
export type LogTarget = DestinationStream & { isTTY?: boolean }

/** Most bytes of lines that wait for a slow reader; beyond, lines are dropped rather than kept. */
const WAITING_MAX_BYTES = 8 * 1024 * 1024

/**
 * Bytes of lines that are written together, since a write costs several times what a line does. With many more the lines
 * cost more again, because all that waits is measured anew with each.
 */
const WRITE_BYTES = 4 * 1024

/** Milliseconds after which lines are written that are fewer. */
const WRITE_INTERVAL = 100

/** Standard output: the terminal if it is one, else a target of `toDescriptor`. */
export function standardOutput(): LogTarget {
  return process.stdout.isTTY ? process.stdout : toDescriptor(1)
}

/** Writes lines to an open file or pipe without keeping the event loop waiting, and the rest of them at exit. It emits `drop` with a line that is dropped. */
export function toDescriptor(descriptor: number) {
  return destination({ dest: descriptor, sync: false, minLength: WRITE_BYTES, periodicFlush: WRITE_INTERVAL, maxLength: WAITING_MAX_BYTES })
}

/** Makes the logger of the process. */
export async function createLogger(level: Settings['LOG_LEVEL'], target: LogTarget): Promise<Logger> {
  const options = { level, serializers: { req: summarizeRequest } }
  if (target.isTTY !== true) return pino(options, target)
  const { PinoPretty } = await import('pino-pretty')
  return pino(options, PinoPretty({ destination: target as NodeJS.WritableStream & DestinationStream, ignore: 'pid,hostname' }))
}

/** Most characters of a path and of a user agent in a line. */
const PATH_MAX_LENGTH = 512
const USER_AGENT_MAX_LENGTH = 256

/** A client's own text as a line may hold it: cut, and with nothing but printable ASCII, for a terminal would obey the rest. */
function printable(text: string, length: number): string {
  const short = text.slice(0, length)
  return /^[ -~]*$/.test(short) ? short : short.replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The path of a request without its query string, which may hold a key. */
function pathOf(url: string): string {
  const end = url.indexOf('?')
  return printable(end < 0 ? url : url.slice(0, end), PATH_MAX_LENGTH)
}

function summarizeRequest(request: FastifyRequest) {
  return { method: request.method, path: pathOf(request.url) }
}

/**
 * What a line says of a request: who, what, and what became of it. Fields that do not apply are left out. [OPS-1]
 * A request that the router refuses has none of what plugins add to it; its address is that of the connection.
 */
export function describeAnswer(request: FastifyRequest, reply: FastifyReply) {
  const receipt = reply.receipt as Receipt | null | undefined
  const userAgent = request.headers['user-agent']
  return {
    method: request.method,
    path: pathOf(request.url),
    status: reply.statusCode,
    code: reply.problem ?? undefined,
    ...receipt && {
      accepted: receipt.accepted,
      duplicates: receipt.duplicates,
      rejected: receipt.rejected,
      unavailable: receipt.unavailable,
      late: receipt.late
    },
    address: ((request.clientAddress as string | undefined) ?? request.socket.remoteAddress) || undefined,
    key: request.keyLabel,
    user_agent: userAgent === undefined ? undefined : printable(userAgent, USER_AGENT_MAX_LENGTH),
    ms: Math.round(reply.elapsedTime * 10) / 10
  }
}
