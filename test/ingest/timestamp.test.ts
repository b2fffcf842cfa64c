import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import { dateOf, midnightOf, parseTimestamp } from '../../src/ingest/timestamp.ts'
import { checkTable } from '../table.ts'
import { offsetText, two } from './event-texts.ts'

const DAY = 86_400_000

t.test('accepted forms', async (t) => {
  const cases: [text: string, canonical: string][] = [
    ['2026-11-23T14:05:09Z', '2026-11-23T14:05:09.000Z'],
    ['2026-11-23t14:05:09z', '2026-11-23T14:05:09.000Z'],
    ['2026-11-23T14:05:09.1Z', '2026-11-23T14:05:09.100Z'],
    ['2026-11-23T14:05:09.12Z', '2026-11-23T14:05:09.120Z'],
    ['2026-11-23T14:05:09.123Z', '2026-11-23T14:05:09.123Z'],
    ['2026-11-23T14:05:09.001Z', '2026-11-23T14:05:09.001Z'],
    ['2026-11-23T14:05:09.1239Z', '2026-11-23T14:05:09.123Z'],
    ['2026-11-23T14:05:09.9999Z', '2026-11-23T14:05:09.999Z'],
    ['2026-11-23T14:05:09.0009Z', '2026-11-23T14:05:09.000Z'],
    ['2026-11-23T23:59:59.999999999Z', '2026-11-23T23:59:59.999Z'],
    ['2026-11-23T14:05:09+00:00', '2026-11-23T14:05:09.000Z'],
    ['2026-11-23T14:05:09-00:00', '2026-11-23T14:05:09.000Z'],
    ['2026-11-23T14:05:09+01:00', '2026-11-23T13:05:09.000Z'],
    ['2026-11-23T14:05:09-08:30', '2026-11-23T22:35:09.000Z'],
    ['2026-11-23T00:00:00+05:45', '2026-11-22T18:15:00.000Z'],
    ['2026-12-31T23:30:00-01:00', '2027-01-01T00:30:00.000Z'],
    ['2026-11-23T14:05:09+23:59', '2026-11-22T14:06:09.000Z'],
    ['2026-11-23T14:05:09-23:59', '2026-11-24T14:04:09.000Z'],
    ['2026-11-23T00:00:00Z', '2026-11-23T00:00:00.000Z'],
    ['2026-11-23T23:59:59Z', '2026-11-23T23:59:59.000Z'],
    ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00.000Z'],
    ['2000-02-29T12:00:00Z', '2000-02-29T12:00:00.000Z'],
    ['2026-02-28T12:00:00Z', '2026-02-28T12:00:00.000Z'],
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-04-30T12:00:00Z', '2026-04-30T12:00:00.000Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
    ['1970-01-01T00:00:00.000-00:01', '1970-01-01T00:01:00.000Z'],
    ['1969-12-31T23:30:00-01:00', '1970-01-01T00:30:00.000Z'],
    ['1970-01-01T05:30:00+05:30', '1970-01-01T00:00:00.000Z'],
    ['2100-12-31T23:59:59Z', '2100-12-31T23:59:59.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z']
  ]
  checkTable(t, cases.map(([text, canonical]) => [text, parseTimestamp(text), Date.parse(canonical)]))
  t.ok(Object.is(parseTimestamp('1970-01-01T00:00:00-00:00'), 0), 'the first millisecond is 0 and not -0')
})

t.test('rejected forms', async (t) => {
  const valid = '2026-11-23T14:05:09.120Z'
  const cases = [
    // not the form
    '', ' ', 'now', '1795442709', '1795442709120', 'Mon, 23 Nov 2026 14:05:09 GMT', '2026-11-23', '2026-11-23T14:05Z', '14:05:09Z', '2026-W48-1T14:05:09Z',
    '2026-327T14:05:09Z', '20261123T140509Z', '2026-11-23T140509Z', '2026-11-23 14:05:09Z', '2026-11-23_14:05:09Z', '2026-11-23T14:05:09', '2026-11-23T14:05:09.120',
    '2026/11/23T14:05:09Z', '2026-11-23T14.05.09Z', '2026-11-23T14:05:09,120Z', '2026-11-23T14:05:09ZZ', '2026-11-23TT14:05:09Z', '2026-11-23T14:05:09Z+01:00',
    // around it
    ` ${valid}`, `${valid} `, `${valid}\n`, `\n${valid}`, `"${valid}"`, `${valid}\u0000`, `\ufeff${valid}`,
    // digits
    '2026-1-23T14:05:09Z', '2026-11-3T14:05:09Z', '2026-11-23T4:05:09Z', '2026-11-23T14:5:09Z', '2026-11-23T14:05:9Z', '26-11-23T14:05:09Z', '02026-11-23T14:05:09Z',
    '+2026-11-23T14:05:09Z', '-2026-11-23T14:05:09Z', '+002026-11-23T14:05:09Z', '２026-11-23T14:05:09Z', '2026-11-23T14:05:0٩Z', '2026-11-2 T14:05:09Z', '2026-11-23T14:05:+9Z',
    // fractions
    '2026-11-23T14:05:09.Z', '2026-11-23T14:05:09.1234567890Z', '2026-11-23T14:05:09.12.3Z', '2026-11-23T14:05:09.1e2Z', '2026-11-23T14:05:09.-1Z',
    // times
    '2026-11-23T24:00:00Z', '2026-11-23T24:00:00.000Z', '2026-11-23T25:00:00Z', '2026-11-23T14:60:00Z', '2026-11-23T14:05:60Z', '2026-12-31T23:59:60Z', '2026-11-23T14:05:61Z',
    '2026-11-23T99:99:99Z',
    // days
    '2026-00-23T14:05:09Z', '2026-13-23T14:05:09Z', '2026-11-00T14:05:09Z', '2026-11-31T14:05:09Z', '2026-11-32T14:05:09Z', '2026-02-29T14:05:09Z', '2026-02-30T14:05:09Z',
    '2024-02-30T14:05:09Z', '2100-02-29T14:05:09Z', '1900-02-29T14:05:09Z', '2026-04-31T14:05:09Z', '2026-06-31T14:05:09Z', '2026-09-31T14:05:09Z', '2026-99-99T14:05:09Z',
    // offsets
    '2026-11-23T14:05:09+0100', '2026-11-23T14:05:09+01', '2026-11-23T14:05:09+1:00', '2026-11-23T14:05:09+01:0', '2026-11-23T14:05:09+24:00', '2026-11-23T14:05:09+01:60',
    '2026-11-23T14:05:09 +01:00', '2026-11-23T14:05:09−01:00', '2026-11-23T14:05:09+01:00Z', '2026-11-23T14:05:09+', '2026-11-23T14:05:09UTC', '2026-11-23T14:05:09CET',
    '2026-11-23T14:05:09[Europe/Paris]', '2026-11-23T14:05:09+01:00:00',
    // before 1970
    '1969-12-31T23:59:59.999Z', '1970-01-01T00:00:00+00:01', '1970-01-01T00:00:00.999+23:59', '1969-12-31T00:00:00Z', '1968-02-29T00:00:00-23:59', '0000-01-01T00:00:00Z',
    '0070-01-01T00:00:00Z', '0099-12-31T23:59:59Z', '1000-01-01T00:00:00Z', '1900-01-01T00:00:00Z'
  ]
  for (const text of cases) t.ok(Number.isNaN(parseTimestamp(text)), JSON.stringify(text))
})

/** A moment of the four-digit years from 1970 on, and another offset to write it in. */
const moment = fc.record({
  time: fc.oneof(
    fc.integer({ min: 0, max: Date.UTC(9999, 11, 30) }),
    fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2040, 0, 1) })
  ),
  offset: fc.integer({ min: -(23 * 60 + 59), max: 23 * 60 + 59 }),
  fraction: fc.stringMatching(/^[0-9]{0,6}$/),
  lower: fc.boolean()
})

t.test('any moment in any offset, against Date', async (t) => {
  let written = 0
  fc.assert(fc.property(moment, ({ time, offset, fraction, lower }) => {
    const local = new Date(time + offset * 60_000)
    if (local.getTime() < 0) return
    // More digits after the milliseconds change nothing.
    const text = local.toISOString().slice(0, -1) + fraction + offsetText(offset)
    assert.equal(parseTimestamp(lower ? text.toLowerCase() : text), time, text)
    assert.equal(parseTimestamp(new Date(time).toISOString()), time)
    written++
  }), { numRuns: 2000 })
  t.ok(written > 1500, `${written} moments`)
})

t.test('a fraction is cut, never rounded', async (t) => {
  fc.assert(fc.property(fc.stringMatching(/^[0-9]{1,9}$/), (digits) => {
    const milliseconds = Number(BigInt(digits.padEnd(9, '0')) / 1_000_000n)
    assert.equal(parseTimestamp(`2026-11-23T14:05:09.${digits}Z`), Date.UTC(2026, 10, 23, 14, 5, 9, milliseconds))
  }), { numRuns: 1000 })
  t.pass('for one to nine digits')
})

t.test('any digits in the form are a timestamp just where they are a date and a time', async (t) => {
  const field = fc.integer({ min: 0, max: 99 })
  let right = 0
  fc.assert(fc.property(
    fc.integer({ min: 1960, max: 2110 }), fc.integer({ min: 0, max: 14 }), fc.integer({ min: 0, max: 33 }),
    fc.oneof(fc.integer({ min: 0, max: 25 }), field), fc.oneof(fc.integer({ min: 0, max: 61 }), field), fc.oneof(fc.integer({ min: 0, max: 61 }), field),
    (year, month, day, hour, minute, second) => {
      const text = `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}Z`
      const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
      const isReal = date.toISOString() === `${text.slice(0, -1)}.000Z` && date.getTime() >= 0
      assert.equal(parseTimestamp(text), isReal ? date.getTime() : NaN, text)
      if (isReal) right++
    }
  ), { numRuns: 4000 })
  t.ok(right > 400, `${right} of them were real`)
})

t.test('every day of the calendar, and no other', async (t) => {
  let expected = Date.UTC(1969, 0, 1)
  for (let year = 1969; year <= 2101; year++) {
    const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
    const lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    for (let month = 0; month <= 13; month++) {
      for (let day = 0; day <= 32; day++) {
        const exists = day >= 1 && day <= (lengths[month - 1] ?? 0)
        if (!Object.is(midnightOf(year, month, day), exists ? expected : NaN)) t.fail(`${year}-${month}-${day}`)
        if (exists && dateOf(expected / DAY) !== (year * 100 + month) * 100 + day) t.fail(`the date of ${year}-${month}-${day}`)
        if (exists) expected += DAY
      }
    }
  }
  t.equal(expected, Date.UTC(2102, 0, 1), 'no day was left out')
  for (const year of [0, 69, 99, 1968, NaN]) t.ok(Number.isNaN(midnightOf(year, 6, 15)), `the year ${year}`)
  t.ok(Number.isNaN(midnightOf(2026, NaN, 15)))
  t.ok(Number.isNaN(midnightOf(2026, 6, NaN)))
})
