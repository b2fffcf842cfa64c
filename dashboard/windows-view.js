/** One card for each window: how many events, how many users, and of which types. The chosen one is what the rest shows. */
import { TIME_WINDOWS } from './board.js'
import { element, make, write } from './elements.js'
import { EVENT_TYPES } from './event-types.js'
import { count } from './formats.js'

/** @import { Summary, TimeWindow } from '../schemas/index.ts' */

/** @type {Record<TimeWindow, string>} */
export const WINDOW_NAMES = { '1h': 'Last hour', '24h': 'Last 24 hours', '7d': 'Last 7 days' }

/** Milliseconds without a change after which the next one lights up. */
const QUIET = 2000

class Card {
  #total = make('span', 'total')
  #unit = make('span', 'unit')
  #users = make('span', 'number')
  #usersUnit = make('span')
  #shares = EVENT_TYPES.map((_type, index) => make('i', `type-${index}`))
  #counts = EVENT_TYPES.map(() => make('dd', 'number'))
  #button
  #shown = -1
  #changedAt = performance.now()

  /**
   * @param {TimeWindow} window
   * @param {() => void} onChoose
   */
  constructor(window, onChoose) {
    this.#button = make('button', 'plain', WINDOW_NAMES[window])
    this.#button.type = 'button'
    this.#button.onclick = onChoose
    const shares = make('div', 'shares', ...this.#shares)
    shares.ariaHidden = 'true'
    const types = make('dl', 'types', ...EVENT_TYPES.map(({ name }, index) =>
      make('div', '', make('dt', '', make('span', `swatch type-${index}`), name), this.#counts[index])))
    this.root = make('article', 'card',
      make('h2', '', this.#button),
      make('p', 'totals', make('span', '', this.#total, ' ', this.#unit), make('span', 'unit', this.#users, ' ', this.#usersUnit)),
      shares, types)
    this.root.dataset.window = window
  }

  /** @param {boolean} isChosen */
  choose(isChosen) {
    this.#button.ariaPressed = String(isChosen)
    this.root.classList.toggle('chosen', isChosen)
  }

  /** @param {Summary} summary */
  draw({ total_events: total, unique_users: users, events_by_type: types }) {
    if (total !== this.#shown) this.#light(total)
    write(this.#total, count(total))
    write(this.#users, count(users))
    write(this.#unit, total === 1 ? 'event' : 'events')
    write(this.#usersUnit, users === 1 ? 'unique user' : 'unique users')
    for (const [index, { type }] of EVENT_TYPES.entries()) {
      write(this.#counts[index], count(types[type]))
      this.#shares[index].hidden = types[type] === 0
      this.#shares[index].style.flexGrow = String(types[type] / total)
    }
  }

  /** Lights up a change after a silence; a steady flow does not flicker. @param {number} total */
  #light(total) {
    const now = performance.now()
    if (this.#shown >= 0 && total > this.#shown && now - this.#changedAt > QUIET) {
      this.#total.classList.remove('lit')
      requestAnimationFrame(() => this.#total.classList.add('lit'))
    }
    this.#shown = total
    this.#changedAt = now
  }
}

export class WindowsView {
  /** @type {Map<TimeWindow, Card>} */
  #cards

  /** @param {(window: TimeWindow) => void} onChoose */
  constructor(onChoose) {
    this.#cards = new Map(TIME_WINDOWS.map((window) => [window, new Card(window, () => onChoose(window))]))
    element('windows').replaceChildren(...[...this.#cards.values()].map(({ root }) => root))
  }

  /** @param {TimeWindow} chosen */
  choose(chosen) {
    for (const [window, card] of this.#cards) card.choose(window === chosen)
  }

  /** @param {import('./board.js').Board} board */
  draw(board) {
    for (const [window, card] of this.#cards) {
      const figures = board.window(window)
      if (figures !== undefined) card.draw(figures.summary)
    }
  }
}
