/** What is known of the connection of a request, beside what Node knows: which answer is its latest one. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const latest = Symbol('latestAnswer')

/** A connection that HTTP is spoken on. */
export type Connection = Socket & { [latest]?: ServerResponse }

/** The answer to the latest request of a connection, given or still to be given; undefined before its first request. */
export function latestAnswer(connection: Connection): ServerResponse | undefined {
  return connection[latest]
}

/** Notes the answer to a request that has just come in. Returns the one before it. */
export function noteAnswer(connection: Connection, answer: ServerResponse): ServerResponse | undefined {
  const before = connection[latest]
  connection[latest] = answer
  return before
}

/** Calls back when every answer to the requests so far has left, now or later, and not at all if the connection ends first. */
export function whenAnswered(connection: Connection, callback: () => void): void {
  const answer = connection[latest]
  if (answer === undefined || answer.closed) callback()
  else answer.once('close', () => { if (!connection.destroyed) callback() })
}
