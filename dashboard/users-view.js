/** The users with the most events in the chosen window. */
import { element, make, write } from './elements.js'
import { count } from './formats.js'

/** @import { UserCounts } from '../schemas/index.ts' */

export class UsersView {
  #rows = element('users')
  #onChoose
  /** The users of the rows. @type {string[]} */
  #users = []

  /** @param {(user: string) => void} onChoose */
  constructor(onChoose) {
    this.#onChoose = onChoose
  }

  /** @param {UserCounts} counts */
  draw({ users }) {
    element('users-none').hidden = users.length > 0
    while (this.#rows.childElementCount > users.length) this.#rows.lastElementChild?.remove()
    while (this.#rows.childElementCount < users.length) this.#rows.append(this.#row(this.#rows.childElementCount))
    this.#users = users.map(({ user_id: user }) => user)
    const most = Math.max(1, ...users.map(({ total_events: total }) => total))
    for (const [i, { user_id: user, total_events: total }] of users.entries()) {
      const [name, number] = this.#rows.children[i].children
      write(name.children[0], user)
      write(number.children[0], count(total))
      const bar = /** @type {HTMLElement} */ (name.children[1])
      bar.style.width = `${100 * total / most}%`
    }
  }

  /** Rows keep their place, so that the focus does, too. @param {number} index */
  #row(index) {
    const button = make('button', 'plain')
    button.type = 'button'
    button.onclick = () => this.#onChoose(this.#users[index])
    return make('tr', '', make('td', '', button, make('i', 'share')), make('td', 'number', make('span')))
  }
}
