/** One user: how many events in each window, when the last one, and the newest of them. */
import { TIME_WINDOWS } from './board.js'
import { element, make, open, write } from './elements.js'
import { eventRow } from './event-row.js'
import { count, fullTime } from './formats.js'
import { WINDOW_NAMES } from './windows-view.js'

/** @import { Event, UserCounts } from '../schemas/index.ts' */

/** Newest events that are listed. */
const LISTED = '20'

export class UserDialog {
  #dialog = /** @type {HTMLDialogElement} */ (element('user-dialog'))
  #api
  #onEvent
  #user = ''

  /**
   * @param {import('./api.js').Api} api
   * @param {(event: Event) => void} onEvent an event was chosen
   * @param {(user: string) => void} onFollow the live events of the user are wanted
   */
  constructor(api, onEvent, onFollow) {
    this.#api = api
    this.#onEvent = onEvent
    element('user-tail').onclick = () => {
      this.#dialog.close()
      onFollow(this.#user)
    }
  }

  /** @param {string} user */
  async show(user) {
    this.#user = user
    write(element('user-dialog-title'), user)
    write(element('user-seen'), 'Loading…')
    element('user-counts').replaceChildren()
    element('user-events').replaceChildren()
    element('user-none').hidden = true
    open(this.#dialog)
    try {
      const [page, ...windows] = await Promise.all([
        this.#api.get('events', { user_id: user, limit: LISTED }),
        ...TIME_WINDOWS.map((window) => this.#api.get('analytics/users', { window, user_id: user }))
      ])
      if (this.#user === user) this.#fill(page.events, windows)
    } catch (error) {
      write(element('user-seen'), `Could not be loaded: ${/** @type {Error} */ (error).message}.`)
    }
  }

  /**
   * @param {readonly Event[]} events oldest first
   * @param {readonly UserCounts[]} windows
   */
  #fill(events, windows) {
    element('user-counts').replaceChildren(...windows.map(({ time_window: window, users }) =>
      make('div', '', make('dt', '', WINDOW_NAMES[window]), make('dd', 'number', count(users[0].total_events)))))
    const seen = windows[windows.length - 1].users[0].last_seen
    write(element('user-seen'), `${seen === null ? 'Not seen in seven days.' : `Last seen ${fullTime(seen)}.`} Windows begin at a whole hour here.`)
    element('user-events').replaceChildren(...[...events].reverse().map((event) => eventRow(event, this.#onEvent, true)))
    element('user-none').hidden = events.length > 0
  }
}
