/**
 * `Expect: 100-continue`: a body is asked for when somebody is about to read it, and not before. Who is refused until
 * then need not send it, and the connection closes, as nobody can tell whether it will come (RFC 9110 section 10.1.1).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

const waiting = Symbol('waitsToContinue')

type Waiting = IncomingMessage & { [waiting]?: ServerResponse }

/** Notes that the body of this request waits to be asked for. */
export function noteWaitingBody(request: Waiting, response: ServerResponse): void {
  request[waiting] = response
  response.setHeader('connection', 'close')
}

/** Asks for the body if it waits for that. */
export function askForBody(request: Waiting): void {
  const response = request[waiting]
  if (response === undefined) return
  response.removeHeader('connection')
  response.writeContinue()
}
