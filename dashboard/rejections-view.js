/** What was refused lately, where there is something. */
import { element, make, write } from './elements.js'
import { clockTime, count, fullTime } from './formats.js'

/** @import { RejectionList } from '../schemas/index.ts' */

/** Newest that are listed. */
const LISTED = 50

export class RejectionsView {
  #newest = ''

  /** @param {RejectionList} list newest first */
  draw({ rejections }) {
    element('rejections').hidden = rejections.length === 0
    const newest = JSON.stringify([rejections.length, rejections[0]])
    if (newest === this.#newest) return
    this.#newest = newest
    write(element('rejections-count'), rejections.length > LISTED ? `newest ${LISTED} of ${count(rejections.length)} kept` : count(rejections.length))
    element('rejections-rows').replaceChildren(...rejections.slice(0, LISTED).map((rejection) => {
      const { time, code, status, pointer, key, origin, event_id: id } = rejection
      const when = make('time', '', clockTime(time))
      when.dateTime = time
      when.title = fullTime(time)
      const why = make('a', '', code)
      why.href = `problems/${encodeURIComponent(code)}`
      return make('tr', '', make('td', 'number', when), make('td', '', why, ' ', make('span', 'small', String(status))),
        ...[pointer, key, origin].map((text) => make('td', '', text ?? '–')), make('td', 'id', id ?? '–'))
    }))
  }
}
