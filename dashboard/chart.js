/** The chart: a stacked bar for each minute or hour, in the viewer's time zone, and a list of counts where the pointer is. */
import UPlot from './vendor/uPlot.esm.js'
import { element, make, write } from './elements.js'
import { EVENT_TYPES } from './event-types.js'
import { compact, count, dayName, fullTime, minuteTime } from './formats.js'

/** @import { TimeWindow } from '../schemas/index.ts' */
/** @import { Series } from './series.js' */

const HEIGHT = 240
const DAY = 86_400

/** Steps that are shown: those of the window, and the one in which it begins. @type {Record<TimeWindow, number>} */
const STEPS_SHOWN = { '1h': 61, '24h': 25, '7d': 169 }

/** Colours as the style sheet has them for the viewer's scheme. */
function readColours() {
  const style = getComputedStyle(document.documentElement)
  const read = (/** @type {string} */ name) => style.getPropertyValue(name).trim()
  return { text: read('--muted'), line: read('--line'), types: EVENT_TYPES.map((_type, index) => read(`--type-${index}`)) }
}

export class Chart {
  #box = element('chart')
  #tip = make('div', 'tip')
  #colours = readColours()
  /** @type {Series | undefined} */
  #series
  #shown = 0
  /** @type {UPlot | undefined} */
  #plot

  constructor() {
    element('chart-legend').replaceChildren(...EVENT_TYPES.map(({ name }, index) => make('li', '', make('span', `swatch type-${index}`), name)))
    this.#tip.hidden = true
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#colours = readColours()
      this.#plot?.redraw(false, true)
    })
    new ResizeObserver(() => this.#plot?.setSize({ width: this.#box.clientWidth, height: HEIGHT })).observe(this.#box)
  }

  /** @param {Series} series @param {TimeWindow} window */
  draw(series, window) {
    this.#shown = STEPS_SHOWN[window]
    const data = sums(series)
    const isNew = this.#series !== series
    this.#series = series
    if (this.#plot === undefined) this.#plot = this.#make(data)
    else this.#plot.setData(data)
    if (isNew) this.#tip.hidden = true
    this.#describe(series)
  }

  /** @param {UPlot.AlignedData} data */
  #make(data) {
    const plot = new UPlot({
      width: this.#box.clientWidth,
      height: HEIGHT,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { x: false, y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: () => this.#span() },
        y: { range: (_plot, _low, high) => [0, Math.max(4, high * 1.05)] }
      },
      axes: [
        {
          stroke: () => this.#colours.text,
          grid: { show: false },
          ticks: { show: true, size: 4, width: 1, stroke: () => this.#colours.line },
          font: '12px system-ui, sans-serif',
          size: 30,
          gap: 6,
          space: 70,
          values: (_plot, splits) => splits.map((time, i) => label(time, splits[i - 1]))
        },
        {
          stroke: () => this.#colours.text,
          grid: { width: 1, stroke: () => this.#colours.line },
          ticks: { show: false },
          font: '12px system-ui, sans-serif',
          size: 46,
          space: 44,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, ...[3, 4, 5, 6, 7, 8].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power))],
          values: (_plot, splits) => splits.map(compact)
        }
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: { draw: [(/** @type {UPlot} */ plot) => this.#drawBars(plot)], setCursor: [(/** @type {UPlot} */ plot) => this.#point(plot)] }
    }, data, this.#box)
    plot.over.append(this.#tip)
    return plot
  }

  /** The window up to the end of the last step, in seconds. @returns {UPlot.Range.MinMax} */
  #span() {
    const { start, step, counts } = /** @type {Series} */ (this.#series)
    const end = start + step * counts.length
    return [(end - step * this.#shown) / 1000, end / 1000]
  }

  /** Whole pixels, so that the parts of a bar meet without a seam. @param {UPlot} plot */
  #drawBars({ ctx, bbox, valToPos }) {
    const { start, step, counts } = /** @type {Series} */ (this.#series)
    const left = (/** @type {number} */ index) => Math.round(valToPos((start + index * step) / 1000, 'x', true))
    const top = (/** @type {number} */ sum) => Math.round(valToPos(sum, 'y', true))
    ctx.save()
    ctx.beginPath()
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
    ctx.clip()
    for (const [index, types] of counts.entries()) {
      const x = left(index)
      const width = left(index + 1) - x
      const gap = Math.min(width - 1, Math.max(1, Math.round(width * 0.16)))
      let sum = 0
      for (const [index, number] of types.entries()) {
        if (number === 0) continue
        const bottom = top(sum)
        sum += number
        ctx.fillStyle = this.#colours.types[index]
        ctx.fillRect(x, top(sum), width - gap, bottom - top(sum))
      }
    }
    ctx.restore()
  }

  /** Shows the counts of the step under the pointer. @param {UPlot} plot */
  #point(plot) {
    const { left } = plot.cursor
    const { start, step, counts } = /** @type {Series} */ (this.#series)
    const index = left === undefined || left < 0 ? -1 : Math.floor((plot.posToVal(left, 'x') * 1000 - start) / step)
    const shown = counts[index]
    this.#tip.hidden = shown === undefined
    if (shown === undefined) return
    const time = start + index * step
    this.#tip.replaceChildren(
      make('p', '', `${dayName(time)}, ${minuteTime(time)} – ${minuteTime(time + step)}`, index === counts.length - 1 ? ' so far' : ''),
      ...EVENT_TYPES.map(({ name }, index) => make('p', 'pair', make('span', '', make('span', `swatch type-${index}`), name), make('span', 'number', count(shown[index])))).reverse(),
      make('p', 'pair sum', make('span', '', 'All'), make('span', 'number', count(shown.reduce((sum, n) => sum + n))))
    )
    const isRight = Number(left) > plot.over.clientWidth / 2
    this.#tip.style.left = isRight ? '' : `${Number(left) + 12}px`
    this.#tip.style.right = isRight ? `${plot.over.clientWidth - Number(left) + 12}px` : ''
  }

  /** What the chart shows, for those who cannot see it. @param {Series} series */
  #describe({ interval, start, step, counts }) {
    const sums = counts.map((types) => types.reduce((sum, n) => sum + n, 0))
    const highest = Math.max(0, ...sums)
    const at = highest === 0 ? '' : `, the most in the ${interval} of ${fullTime(start + step * sums.indexOf(highest))}: ${count(highest)}`
    const text = `Bar chart of events per ${interval} by type${at}. The button Table has all counts.`
    if (this.#box.ariaLabel !== text) this.#box.ariaLabel = text
  }

  /** Fills the table that says the same as the chart, newest first. */
  writeTable() {
    if (this.#series === undefined) return
    const { start, step, counts, interval } = this.#series
    write(element('table-dialog-title'), `Events per ${interval}`)
    const heading = (/** @type {string} */ text) => {
      const cell = make('th', '', text)
      cell.scope = 'col'
      return cell
    }
    element('table-head').replaceChildren(make('tr', '', heading('From'), ...EVENT_TYPES.map(({ name }) => heading(name)), heading('All')))
    element('table-rows').replaceChildren(...counts.map((types, index) => make('tr', '',
      make('td', '', `${dayName(start + index * step)}, ${minuteTime(start + index * step)}`),
      ...[...types, types.reduce((sum, n) => sum + n)].map((n) => make('td', 'number', count(n))))).reverse())
  }
}

/** Times in seconds, and the sum of each step, from which the scale is made. @param {Series} series @returns {UPlot.AlignedData} */
function sums({ start, step, counts }) {
  return [counts.map((_types, index) => (start + index * step) / 1000), counts.map((types) => types.reduce((sum, n) => sum + n, 0))]
}

/** The text of one tick: the day where it begins, else the time. @param {number} time in seconds @param {number | undefined} before */
function label(time, before) {
  const date = new Date(time * 1000)
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0
  if (isMidnight || (before !== undefined && time - before >= DAY)) return dayName(time * 1000)
  return minuteTime(time * 1000)
}
