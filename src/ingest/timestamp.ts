/** Timestamps as the contract has them: RFC 3339 with an offset, from 1970 on, cut to the millisecond. */

const DAY = 86_400_000

/** RFC 3339 section 5.6; no leap second, no 24:00. */
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/

/** Milliseconds since 1970, or NaN for what is not a timestamp of the contract. */
export function parseTimestamp(text: string): number {
  const match = TIMESTAMP.exec(text)
  if (match === null) return NaN
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHour, offsetMinute] = match
  const midnight = midnightOf(Number(year), Number(month), Number(day))
  const offset = sign === undefined ? 0 : (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === '-' ? -1 : 1)
  const milliseconds = fraction === undefined ? 0 : Number(fraction.padEnd(3, '0').slice(0, 3))
  const time = midnight + ((Number(hour) * 60 + Number(minute) - offset) * 60 + Number(second)) * 1000 + milliseconds
  return time >= 0 ? time : NaN
}

/** The first millisecond of a day, since 1970, or NaN for a day that the calendar does not have. */
export function midnightOf(year: number, month: number, day: number): number {
  if (year < 1969 || month < 1 || month > 12 || day < 1) return NaN
  const time = Date.UTC(year, month - 1, day)
  // A day too many rolls over into the next month.
  return new Date(time).getUTCDate() === day ? time : NaN
}

/** The date of a day, counted from the first of 1970, as the number YYYYMMDD. */
export function dateOf(day: number): number {
  const date = new Date(day * DAY)
  return (date.getUTCFullYear() * 100 + date.getUTCMonth() + 1) * 100 + date.getUTCDate()
}
