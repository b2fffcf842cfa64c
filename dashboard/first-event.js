/** What an empty service shows: a command that sends the first event, with a new id and the present time. */
import { copy, element, write } from './elements.js'

/** Version 4, also where the browser has no `randomUUID` because the page came without TLS. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6] & 0x0f) | 0x40
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

export class FirstEvent {
  #root = element('first-event')
  #api

  /** @param {import('./api.js').Api} api */
  constructor(api) {
    this.#api = api
    element('first-event-copy').onclick = async ({ currentTarget }) => {
      this.#renew() // a page that was open for a while has an old time
      await copy(/** @type {HTMLElement} */ (currentTarget), element('first-event-command').textContent ?? '')
    }
  }

  /**
   * @param {boolean} isEmpty whether the service has no event
   * @returns {boolean} whether that has changed
   */
  draw(isEmpty) {
    if (this.#root.hidden !== isEmpty) return false
    this.#root.hidden = !isEmpty
    if (isEmpty) this.#renew()
    return true
  }

  #renew() {
    const event = { event_id: newId(), user_id: 'ada', event_type: 'page_view', timestamp: new Date().toISOString(), properties: { page: '/' } }
    const hasKey = this.#api.key !== ''
    element('first-event-key').hidden = !hasKey
    write(element('first-event-command'), [
      `curl '${new URL('events', this.#api.base)}' \\`,
      ...hasKey ? ['  -H "authorization: Bearer $WRITE_KEY" \\'] : [],
      '  -H \'content-type: application/json\' \\',
      `  -d '${JSON.stringify(event)}'`
    ].join('\n'))
  }
}
