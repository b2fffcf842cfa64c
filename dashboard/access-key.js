/** The read key: where it is kept, and the form that asks for it. It stays in the tab unless the viewer wants otherwise. */
import { element, write } from './elements.js'

const NAME = 'events-read-key'

/** Storage may be switched off; then the key lasts as long as the page. @param {(storage: Storage) => string | null | void} use */
function attempt(use) {
  for (const storage of /** @type {const} */ (['sessionStorage', 'localStorage'])) {
    try {
      const value = use(window[storage])
      if (value) return value
    } catch {}
  }
  return ''
}

export class AccessKey {
  #form = /** @type {HTMLFormElement} */ (element('key-form'))

  /** @param {(key: string) => void} onKey a key was entered, or an empty one: it was forgotten */
  constructor(onKey) {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      const data = new FormData(this.#form)
      const key = String(data.get('key')).trim()
      this.forget()
      attempt((storage) => (storage === localStorage) === data.has('keep') ? storage.setItem(NAME, key) : undefined)
      onKey(key)
    })
    element('forget-key').addEventListener('click', () => {
      this.forget()
      onKey('')
    })
  }

  /** The key that was kept; empty if there is none. */
  get kept() {
    return attempt((storage) => storage.getItem(NAME))
  }

  forget() {
    attempt((storage) => storage.removeItem(NAME))
  }

  /** @param {string} why what was wrong with the last one; empty the first time */
  ask(why) {
    this.#form.hidden = false
    write(element('key-error'), why)
    const input = element('key')
    input.toggleAttribute('aria-invalid', why !== '')
    input.focus()
  }

  /** @param {boolean} isUsed whether there is a key that could be forgotten */
  hide(isUsed) {
    this.#form.hidden = true
    this.#form.reset()
    element('forget-key').hidden = !isUsed
  }
}
