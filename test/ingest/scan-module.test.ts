import t from 'tap'
import { EVENT_TYPES } from '../../schemas/index.ts'
import { ScanModule } from '../../src/ingest/scan-module.ts'
import { CANONICAL, NOW } from './event-texts.ts'

/** The number of the type that the scan reads in an event, or -1 where it leaves the event to others. */
function typeOf(scan: ScanModule, event_type: string): number {
  const text = Buffer.from(JSON.stringify({ ...CANONICAL, event_type }))
  const { functions, memory, paddingBytes, chunk, types } = scan
  memory.set(text, chunk)
  memory.fill(0, chunk + text.length, chunk + text.length + paddingBytes)
  return functions.run(chunk, chunk + text.length, true, 0, NOW, 0, 0, 1) === 1 ? types[0] : -1
}

t.test('the types are those that it is told', async (t) => {
  const scan = new ScanModule(['refund', 'page_view'])
  t.same(['refund', 'page_view', 'click', 'page', 'page_view_'].map((type) => typeOf(scan, type)), [0, 1, -1, -1, -1])
})

t.test('a type whose name is too long to be compared in one step is left to the slow path', async (t) => {
  const longest = 'fourteen_bytes'
  const scan = new ScanModule([longest, `${longest}_`, 'click'])
  t.same([longest, `${longest}_`, `${longest}__`, 'click'].map((type) => typeOf(scan, type)), [0, -1, -1, 2])
})

t.test('a schema that there is no room for is refused at once', async (t) => {
  const most = Array.from({ length: 64 }, (_, i) => `type_${i}`)
  t.equal(typeOf(new ScanModule(most), 'type_63'), 63)
  t.throws(() => new ScanModule([...most, 'one_more']), RangeError)
})

t.test('each has a memory of its own', async (t) => {
  const [first, second] = [new ScanModule(), new ScanModule()]
  second.memory.fill(0)
  t.equal(typeOf(second, EVENT_TYPES[0]), -1)
  t.equal(typeOf(first, EVENT_TYPES[0]), 0)
})
