import t from 'tap'
import { REJECTION_CODES, UNAVAILABLE_CODES, type ProblemKind, type ProblemList, type Receipt, type RejectionCode } from '../../schemas/index.ts'
import { PROBLEMS } from '../../src/errors.ts'
import { anEvent, checkProblem, startApp } from '../harness.ts'

t.test('the type of every problem can be opened', async (t) => {
  const app = await startApp(t)
  for (const [code, { status, title }] of Object.entries(PROBLEMS)) {
    const response = await app.inject(`/problems/${code}`)
    t.equal(response.statusCode, 200)
    t.match(response.json<ProblemKind>(), {
      code, status, title, meaning: /^[A-Z].*\.$/, example: { type: `/problems/${code}`, title, status, code, detail: String, request_id: String }
    })
  }
})

t.test('and so can the code of every event', async (t) => {
  const app = await startApp(t)
  for (const code of [...REJECTION_CODES, ...UNAVAILABLE_CODES]) {
    const { event } = (await app.inject(`/problems/${code}`)).json<ProblemKind>()
    t.match(event, /^[A-Z`].*\.$/s, code)
  }
  t.match((await app.inject('/problems/invalid_json')).json(), { code: 'invalid_json', status: 400, event: /line/ }, 'a code may be both')
})

/** An event that is rejected with each code, in the place of `EVENT`. */
const WRONG: Record<RejectionCode, string> = {
  invalid_json: '{"event_id"',
  invalid_event: '5',
  missing_field: JSON.stringify({ ...anEvent(), user_id: undefined }),
  unknown_field: JSON.stringify({ ...anEvent(), page: '/' }),
  invalid_event_id: JSON.stringify(anEvent({ event_id: '42' })),
  invalid_user_id: JSON.stringify(anEvent({ user_id: '' })),
  invalid_event_type: JSON.stringify({ ...anEvent(), event_type: 'poke' }),
  invalid_timestamp: JSON.stringify(anEvent({ timestamp: 'yesterday' })),
  timestamp_in_future: JSON.stringify(anEvent({ timestamp: '2099-01-01T00:00:00Z' })),
  invalid_properties: JSON.stringify({ ...anEvent(), properties: { amount: '39.90' } }),
  number_not_finite: JSON.stringify({ ...anEvent(), properties: { x: 1 } }).replace('"x":1', '"x":1e999'),
  forbidden_key: JSON.stringify({ ...anEvent(), properties: { x: 1 } }).replace('"x"', '"__proto__"'),
  nesting_too_deep: JSON.stringify(anEvent({ properties: JSON.parse(`${'{"a":'.repeat(17)}1${'}'.repeat(17)}`) })),
  event_too_large: JSON.stringify({ ...anEvent(), properties: { x: 'x'.repeat(40_000) } })
}

t.test('the example of an event\'s code is what a receipt has', async (t) => {
  const app = await startApp(t)
  for (const code of REJECTION_CODES) {
    const { event_example: example } = (await app.inject(`/problems/${code}`)).json<ProblemKind>()
    const answer = await app.inject({ method: 'POST', url: '/events', headers: { 'content-type': 'application/x-ndjson' }, payload: WRONG[code] })
    const [error] = answer.json<Receipt>().errors
    t.match(error, { index: 0, code, pointer: example!.pointer })
    if (code === 'invalid_event_type') t.match(error.detail, /^event_type must be one of /) // the rest follows the types
    else t.equal(error.detail.replaceAll(/\d{4,}[-\d:.TZ]*/g, '0'), example!.detail.replaceAll(/\d{4,}[-\d:.TZ]*/g, '0'), code)
  }
  for (const code of UNAVAILABLE_CODES) t.match((await app.inject(`/problems/${code}`)).json(), { retry: true, event_example: { code } })
})

t.test('the list has every code, and says whether to send again', async (t) => {
  const { problems } = (await (await startApp(t)).inject('/problems')).json<ProblemList>()
  t.same(new Set(problems.map(({ code }) => code)), new Set([...Object.keys(PROBLEMS), ...REJECTION_CODES, ...UNAVAILABLE_CODES]))
  const retried = problems.filter(({ retry }) => retry).map(({ code }) => code)
  for (const code of ['storage_unavailable', 'too_many_requests', 'all_unavailable', 'overloaded']) t.ok(retried.includes(code), code)
  for (const code of ['invalid_timestamp', 'all_rejected', 'unauthorized']) t.notOk(retried.includes(code), code)
})

t.test('no other code can, whatever objects inherit', async (t) => {
  const app = await startApp(t)
  for (const code of ['nope', 'constructor', '__proto__', 'toString', 'hasOwnProperty', '..%2f..', 'x'.repeat(99), 'x'.repeat(1000)]) {
    checkProblem(t, await app.inject(`/problems/${code}`), 'not_found')
  }
})
