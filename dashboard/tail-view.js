/**
 * The live events: a few new rows at each drawing, and a sentence about what is left out. It holds still while it is
 * paused, and while somebody points at it or is in it with the keyboard.
 */
import { element, make, write } from './elements.js'
import { EVENT_TYPES } from './event-types.js'
import { eventRow } from './event-row.js'
import { clockTime, count, rate as rateText } from './formats.js'
import { KEPT, Tail } from './tail.js'

/** @import { Event } from '../schemas/index.ts' */

/** Rows of the list. */
const ROWS = 60

/** Most new rows of one drawing. */
const NEW_ROWS = 2

/** Milliseconds for which it says that events were left out. */
const SAMPLE_SHOWN = 3000

export class TailView {
  tail = new Tail(NEW_ROWS)
  #list = element('tail')
  #pause = element('tail-pause')
  #type = /** @type {HTMLSelectElement} */ (element('tail-type'))
  #user = /** @type {HTMLInputElement} */ (element('tail-user'))
  #onOpen
  #isPaused = false
  #isHeld = false
  /** Matching events that came while it held still. */
  #missed = 0
  /** When events were left out for want of time. */
  #sampledAt = -Infinity

  /** @param {(event: Event) => void} onOpen an event was chosen */
  constructor(onOpen) {
    this.#onOpen = onOpen
    this.#type.append(...EVENT_TYPES.map(({ type, name }) => {
      const option = make('option', '', name)
      option.value = type
      return option
    }))
    this.#type.onchange = this.#user.oninput = () => this.refill()
    this.#pause.onclick = () => this.#setPaused(!this.#isPaused)
    const hold = (/** @type {boolean} */ isHeld) => {
      this.#isHeld = isHeld
      if (!isHeld) this.#release()
    }
    this.#list.onpointerenter = ({ pointerType }) => hold(pointerType === 'mouse')
    this.#list.onpointerleave = () => hold(this.#list.matches(':focus-within'))
    this.#list.addEventListener('focusin', () => hold(true))
    this.#list.addEventListener('focusout', () => hold(this.#list.matches(':hover')))
    this.#list.onkeydown = (event) => this.#move(event)
  }

  /** @param {string} user whose events alone are shown */
  follow(user) {
    this.#user.value = user
    this.#type.value = ''
    this.#setPaused(false)
    this.refill()
    this.#user.focus()
  }

  /** Fills the list from what is kept. */
  refill() {
    const events = this.tail.filter(this.#type.value, this.#user.value.trim(), ROWS)
    this.#missed = 0
    this.#list.replaceChildren(...events.map((event) => this.#row(event)))
    this.#tidy()
  }

  /** Forgets all events. */
  clear() {
    this.tail.clear()
    this.refill()
  }

  /** Says in the list that events are missing. @param {string} text */
  break(text) {
    this.#list.prepend(make('li', 'break', `${clockTime(Date.now())} ${text}`))
  }

  /** @param {number} perSecond events that come in, of all kinds */
  draw(perSecond) {
    const { matched } = this.tail
    const events = this.tail.drain()
    const isStill = this.#isPaused || this.#isHeld
    if (isStill) {
      this.#missed += matched
    } else if (events.length > 0) {
      if (matched > events.length) this.#sampledAt = performance.now()
      this.#list.prepend(...events.map((event) => this.#row(event, 'new')).reverse())
      while (this.#list.childElementCount > ROWS) this.#list.lastElementChild?.remove()
      this.#tidy()
    }
    write(element('tail-rate'), isStill ? this.#stillText() : this.#rateText(perSecond))
  }

  /** @param {number} perSecond */
  #rateText(perSecond) {
    if (perSecond === 0) return ''
    const isSample = performance.now() - this.#sampledAt < SAMPLE_SHOWN
    return `${rateText(perSecond)} a second${isSample ? '; a sample is shown' : ''}`
  }

  #stillText() {
    const came = this.#missed === 0 ? '' : `, ${count(this.#missed)} more since`
    return `${this.#isPaused ? 'Paused' : 'Holds still while you are in it'}${came}`
  }

  /** @param {boolean} isPaused */
  #setPaused(isPaused) {
    this.#isPaused = isPaused
    this.#pause.ariaPressed = String(isPaused)
    write(this.#pause, isPaused ? 'Resume' : 'Pause')
    if (!isPaused) this.#release()
    else write(element('tail-rate'), this.#stillText())
  }

  /** Goes on with the newest. */
  #release() {
    if (this.#isPaused || this.#isHeld) return
    if (this.#missed > 0) this.refill()
    write(element('tail-rate'), '')
  }

  #tidy() {
    const none = element('tail-none')
    none.hidden = this.#list.childElementCount > 0
    this.#list.hidden = !none.hidden
    const isFiltered = this.#type.value !== '' || this.#user.value !== ''
    write(none, isFiltered ? `None of the newest ${count(KEPT)} events match. What comes and matches is shown here.` : 'What comes is shown here.')
    for (const [i, button] of this.#list.querySelectorAll('button').entries()) button.tabIndex = i === 0 ? 0 : -1
  }

  /** @param {Event} event @param {string} [className] */
  #row(event, className = '') {
    const row = eventRow(event, this.#onOpen)
    row.className = className
    return row
  }

  /** One stop for the Tab key; arrows go from row to row. @param {KeyboardEvent} event */
  #move(event) {
    const buttons = [...this.#list.querySelectorAll('button')]
    const index = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement))
    const next = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: buttons.length - 1 }[event.key]
    if (next === undefined || buttons[next] === undefined) return
    event.preventDefault()
    buttons[next].focus()
  }
}
