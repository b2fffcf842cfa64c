import { readFileSync } from 'node:fs'
import t from 'tap'
import { EVENT_TYPES, TIME_WINDOWS } from '../../schemas/index.ts'
import { publish, type Components, type PublicSchema } from '../../schemas/publish.ts'
import { Event } from '../../schemas/event.ts'

const documents = ['openapi.json', 'asyncapi.json'].map((name) => ({
  name,
  document: JSON.parse(readFileSync(new URL(`../../openapi/${name}`, import.meta.url), 'utf8'))
}))

/** Every object within a document but those in examples. */
function * objectsOf(value: unknown): Generator<PublicSchema> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield value as PublicSchema
  for (const [key, member] of Object.entries(value)) {
    if (!/^examples?$|^payload$/.test(key) || (member as PublicSchema)?.$ref !== undefined) yield * objectsOf(member)
  }
}

for (const { name, document } of documents) {
  t.test(`${name} says what generators need`, async (t) => {
    const faults: string[] = []
    const seen = { number: 0, format: 0, pattern: 0, enum: 0, reference: 0 }
    for (const part of objectsOf(document)) {
      const text = JSON.stringify(part).slice(0, 100)
      const format = { integer: 'int64', number: 'double' }[String(part.type)]
      if (format !== undefined) {
        seen.number++
        if (part.format !== format) faults.push(`without its format: ${text}`)
      }
      if (part.format !== undefined) {
        seen.format++
        if ('pattern' in part) faults.push(`generated Python would match an id or a time with the pattern: ${text}`)
      }
      if (typeof part.pattern === 'string') {
        seen.pattern++
        if (/\(\?|\\[dDwWsSbBpP]|\\u/.test(part.pattern)) faults.push(`what regular expressions do not share: ${text}`)
      }
      if (part.additionalProperties === false) faults.push(`closed: ${text}`)
      if (Array.isArray(part.enum)) {
        seen.enum++
        if (!Object.values(document.components.schemas).includes(part)) faults.push(`only a component is an enum: ${text}`)
      }
      if (typeof part.$ref === 'string') {
        seen.reference++
        const target = part.$ref.slice(2).split('/').reduce((at, key) => at?.[key], document)
        if (typeof target !== 'object') faults.push(`leads nowhere: ${part.$ref}`)
      }
    }
    t.same(faults, [])
    t.ok(Object.values(seen).every((count) => count > 0), `looked at ${JSON.stringify(seen)}`)
    const { ActivityEvent, EventType, TimeWindow, EventErrorCode, Event } = document.components.schemas
    t.equal(Event, undefined, 'the name is that of the DOM')
    t.same(ActivityEvent.properties.event_type, { $ref: '#/components/schemas/EventType' })
    t.same(EventType.enum, EVENT_TYPES)
    t.equal(TimeWindow['x-enum-varnames'].length, TIME_WINDOWS.length)
    t.notOk('enum' in EventErrorCode, 'codes may come')
    t.ok(EventErrorCode['x-extensible-enum'].includes('invalid_timestamp'))
  })
}

t.test('the schemas that judge requests stay as they are', async (t) => {
  const before = JSON.stringify(Event)
  const components: Components = {}
  t.same(publish(Event, components), { $ref: '#/components/schemas/ActivityEvent' })
  t.equal(JSON.stringify(Event), before)
  t.equal(Event.additionalProperties, false)
})

t.test('a published pattern refuses what the format refuses', async (t) => {
  const { pattern } = documents[0].document.components.schemas.ActivityEvent.properties.user_id
  const isUserId = new RegExp(pattern, 'u')
  for (const id of ['user-42', 'Zoë', '\u{1f600}']) t.ok(isUserId.test(id), id)
  for (const id of ['', 'a\n', '\u0000', '\u007f', 'x\u0085']) t.notOk(isUserId.test(id), JSON.stringify(id))
})
