/** What tests of the whole application share: the one that production builds, some events, and how a problem looks. */
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import type { Event } from '../schemas/index.ts'
import { buildApp, type Overrides } from '../src/app.ts'
import { PROBLEMS, type ProblemCode } from '../src/errors.ts'
import { loadSettings } from '../src/settings.ts'
import type { TestClock } from './backends/test-clock.ts'

/** Builds the application with these environment variables; the test closes it. */
export async function startApp(t: Test, env: Record<string, string> = {}, overrides: Overrides = {}): Promise<FastifyInstance> {
  const app = await buildApp(loadSettings({ DEDUP_CAPACITY: '10000', USER_CAPACITY: '10000', ...env }), overrides)
  t.teardown(() => app.close())
  return app
}

/** Builds the application and lets it listen on a free port; resolves with the port, too. */
export async function startServer(t: Test, env: Record<string, string> = {}, overrides: Overrides = {}): Promise<{ app: FastifyInstance, port: number }> {
  const app = await startApp(t, env, overrides)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, port: (app.server.address() as AddressInfo).port }
}

/** A valid event of just now, unless told otherwise. */
export function anEvent(fields: Partial<Event> = {}): Event {
  return { event_id: randomUUID(), user_id: 'ada', event_type: 'click', timestamp: new Date().toISOString(), ...fields }
}

/** Posts a body; objects as JSON. */
export function post(app: FastifyInstance, body: unknown, headers: Record<string, string> = {}, url = '/events'): Promise<LightMyRequestResponse> {
  const payload = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  return app.inject({ method: 'POST', url, headers: { 'content-type': 'application/json', ...headers }, payload })
}

/** What no answer may tell. */
const INTERNALS = /node_modules|\bat .*\.[jt]s|Error:/

/** Holds an answer to the shape of a problem, and to nothing more than `fields` beyond it. Returns its body. */
export function checkProblem(t: Test, response: LightMyRequestResponse, code: ProblemCode, fields: readonly string[] = []): Record<string, unknown> {
  const { status, title } = PROBLEMS[code]
  const body = response.json() as Record<string, unknown>
  t.match({ answered: response.statusCode, mediaType: response.headers['content-type'], internals: String(INTERNALS.exec(response.body)), ...body }, {
    answered: status,
    mediaType: /^application\/problem\+json\b/,
    internals: 'null',
    type: `/problems/${code}`,
    title,
    status,
    code,
    detail: String,
    request_id: response.headers['x-request-id']
  }, code)
  t.same(Object.keys(body).sort(), ['type', 'title', 'status', 'code', 'detail', 'request_id', ...fields].sort(), 'no further members')
  return body
}

/** Sends events until the oldest ids have to be forgotten before their time. */
export async function forgetIds(app: FastifyInstance, clock: TestClock): Promise<void> {
  for (let i = 0; i < 200 && app.store.health().exact; i++) {
    await post(app, Array.from({ length: 1000 }, () => anEvent()))
    clock.advance(1000)
  }
}

/** A place that log lines go to, parsed, and a way to wait for the next one that matters. */
export class LogLines {
  readonly lines: Record<string, unknown>[] = []
  #wake: () => void = () => {}

  write(line: string): void {
    this.lines.push(JSON.parse(line))
    this.#wake()
  }

  /** The first line, written or still to be written, with this message. */
  async find(message: RegExp): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.lines.find(({ msg }) => message.test(String(msg)))
      if (found !== undefined) return found
      await new Promise<void>((resolve) => { this.#wake = resolve })
    }
  }
}
