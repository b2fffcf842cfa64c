/** Finding, making and filling elements. Whatever comes from an event is set as text, never read as HTML. */

/**
 * An element of the page that is known to be there.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 */
export const element = (id) => /** @type {T} */ (document.getElementById(id))

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} [className]
 * @param {(Node | string)[]} children
 */
export function make(name, className = '', ...children) {
  const made = document.createElement(name)
  if (className !== '') made.className = className
  made.append(...children)
  return made
}

/**
 * Sets a text, if it is another one.
 * @param {Element} target
 * @param {string} text
 */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text
}

/**
 * Opens a dialog; its buttons with `data-close`, a click beside it and Escape close it.
 * @param {HTMLDialogElement} dialog
 */
export function open(dialog) {
  if (dialog.open) return
  dialog.onclick = ({ target }) => {
    if (target === dialog || /** @type {Element} */ (target).closest('[data-close]') !== null) dialog.close()
  }
  dialog.showModal()
}

/**
 * Copies a text, and says so on the button for a moment.
 * @param {HTMLElement} button
 * @param {string} text
 */
export async function copy(button, text) {
  const label = button.dataset.label ??= button.textContent ?? ''
  write(button, await put(text) ? 'Copied' : 'Not copied')
  setTimeout(() => write(button, label), 2000)
}

/** Browsers have a clipboard on HTTPS and on this machine alone. @param {string} text */
async function put(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = make('textarea', 'unseen')
    area.value = text
    const parent = document.querySelector('dialog[open]') ?? document.body
    parent.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}
