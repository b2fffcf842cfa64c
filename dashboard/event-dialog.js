/** One event as it is kept. */
import { copy, element, open, write } from './elements.js'

/** @import { Event } from '../schemas/index.ts' */

export class EventDialog {
  #dialog = /** @type {HTMLDialogElement} */ (element('event-dialog'))
  /** @type {Event | undefined} */
  #event

  /** @param {(user: string) => void} onUser the user of the event was chosen */
  constructor(onUser) {
    element('event-copy').onclick = ({ currentTarget }) => copy(/** @type {HTMLElement} */ (currentTarget), element('event-json').textContent ?? '')
    element('event-user').onclick = () => {
      this.#dialog.close()
      if (this.#event !== undefined) onUser(this.#event.user_id)
    }
  }

  /** @param {Event} event */
  show(event) {
    this.#event = event
    write(element('event-json'), JSON.stringify(event, null, 2))
    open(this.#dialog)
  }
}
