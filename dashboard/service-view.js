/** The state of connection, store and clock: three words at the top, the rest at the bottom. */
import { element, make, write } from './elements.js'
import { count, fullTime, size, span } from './formats.js'

/** @import { Health } from '../schemas/index.ts' */

/** @typedef {'ok' | 'wait' | 'warn' | 'bad'} State */

const STORES = { memory: 'Memory store', journal: 'Journal', redis: 'Redis' }

/** @param {string} id @param {State} state @param {string} text @param {string} [title] */
function show(id, state, text, title = '') {
  const item = element(id)
  item.hidden = false
  item.dataset.state = state
  item.title = title
  write(/** @type {Element} */ (item.querySelector('.text')), text)
}

export class ServiceView {
  /** @param {State} state @param {string} text */
  connection(state, text) {
    show('connection', state, text)
    if (state !== 'ok') element('store').hidden = element('clock').hidden = true // nobody knows how they are
  }

  /** @param {Health} health */
  draw({ store, version, uptime_seconds: uptime, subscribers }) {
    const { clock } = store
    const horizon = `ids are remembered for ${span(store.dedup_horizon_seconds)}`
    if (store.exact) show('store', 'ok', STORES[store.kind], `Counts are exact: ${horizon}`)
    else show('store', 'warn', `${STORES[store.kind]}: counts may be too high`, `A retry that comes very late may count twice: ${horizon}, and not for 8 days`)
    if (clock === undefined || (clock.right && clock.unsettled_seconds === 0)) show('clock', 'ok', 'Clock right')
    else if (clock.unsettled_seconds > 0) show('clock', 'warn', `Clock has leapt, settles in ${span(clock.unsettled_seconds)}`)
    else show('clock', 'warn', `Clock off by ${span(Math.abs(clock.difference_seconds))}`, clock.detail ?? '')
    this.#list([
      ['Ids remembered', `${count(store.ids)} of ${count(store.id_capacity)}`],
      ['Users known', `${count(store.users)} of ${count(store.user_capacity)}`],
      ['Events kept', `${count(store.events_retained)}, ${size(store.log_bytes)} of ${size(store.log_capacity_bytes)}`],
      ['Oldest kept', store.oldest_retained === null ? '–' : fullTime(store.oldest_retained)],
      ['Subscribers', count(subscribers)],
      ['Running for', span(uptime)],
      ['Version', version]
    ])
    if (clock !== undefined && clock.detail !== null) this.#detail(clock.detail)
  }

  /** @param {readonly [string, string][]} rows */
  #list(rows) {
    element('service').replaceChildren(...rows.map(([name, value]) => make('div', '', make('dt', '', name), make('dd', 'number', value))))
  }

  /** @param {string} text */
  #detail(text) {
    element('service').append(make('div', 'wide', make('dt', '', 'Clock'), make('dd', '', text)))
  }
}
