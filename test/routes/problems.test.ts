import t from 'tap'
import { REJECTION_CODES, UNAVAILABLE_CODES, type ProblemKind, type ProblemList } from '../../schemas/index.ts'
import { PROBLEMS } from '../../src/errors.ts'
import { checkProblem, startApp } from '../harness.ts'

t.test('the type of every problem can be opened', async (t) => {
  const app = await startApp(t)
  for (const [code, { status, title }] of Object.entries(PROBLEMS)) {
    const response = await app.inject(`/problems/${code}`)
    t.equal(response.statusCode, 200)
    t.match(response.json<ProblemKind>(), { code, status, title })
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
