/** Numbers and times as the viewer writes them, in the viewer's own time zone. */

const whole = new Intl.NumberFormat()
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })
const short = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const minute = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric' })
const full = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' })

/** 1,234,567 @param {number} number */
export const count = (number) => whole.format(number)

/** 1.2M, for an axis @param {number} number */
export const compact = (number) => short.format(number)

/** Whole from ten on, else with one decimal. @param {number} number */
export const rate = (number) => number >= 10 ? whole.format(Math.round(number)) : tenths.format(number)

/** 14:05:09, from a timestamp or milliseconds @param {string | number} time */
export const clockTime = (time) => clock.format(new Date(time))

/** 14:05 @param {number} time */
export const minuteTime = (time) => minute.format(new Date(time))

/** Mon 30 @param {number} time */
export const dayName = (time) => day.format(new Date(time))

/** Mon 30 Nov, 14:05:09 @param {string | number} time */
export const fullTime = (time) => full.format(new Date(time))

/** 5 s, 3 min, 2 h, 4 d @param {number} seconds */
export function span(seconds) {
  if (seconds < 100) return `${Math.max(0, Math.floor(seconds))} s`
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** 12 MiB @param {number} bytes */
export function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const unit = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${tenths.format(bytes / 1024 ** unit)} ${units[unit]}`
}
