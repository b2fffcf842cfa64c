/**
 * Writes an event the way it is kept: without white space, keys in the sender's order, of a repeated key the last value
 * in the first one's place, numbers and strings letter for letter as they were sent. `JSON.stringify` of the parsed
 * event would reorder integer-like keys and round long numbers.
 */

/** The canonical text of an event whose text is valid JSON; two of its fields are given. */
export function minifyEvent(text: string, eventId: string, timestamp: string): string {
  const members = new Minifier(text).event()
  members.set('event_id', `"event_id":"${eventId}"`)
  members.set('timestamp', `"timestamp":"${timestamp}"`)
  return `{${[...members.values()].join(',')}}`
}

/** A reader over JSON text that is known to be valid and not too deep. */
class Minifier {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** The members of the object that the text is, by decoded key. */
  event(): Map<string, string> {
    this.#space()
    return this.#members()
  }

  #value(): string {
    this.#space()
    switch (this.#text[this.#at]) {
      case '{': return `{${[...this.#members().values()].join(',')}}`
      case '[': return this.#array()
      case '"': return this.#string()
      default: return this.#scalar()
    }
  }

  /** Each member as `key:value`, in order of first appearance. */
  #members(): Map<string, string> {
    const members = new Map<string, string>()
    this.#at++
    while (!this.#closes('}')) {
      const key = this.#string()
      this.#space()
      this.#at++ // the colon
      members.set(key.includes('\\') ? JSON.parse(key) as string : key.slice(1, -1), `${key}:${this.#value()}`)
    }
    return members
  }

  #array(): string {
    const items: string[] = []
    this.#at++
    while (!this.#closes(']')) items.push(this.#value())
    return `[${items.join(',')}]`
  }

  /** Passes white space and a comma; true, and past it, at the closing bracket. */
  #closes(bracket: string): boolean {
    this.#space()
    if (this.#text[this.#at] === ',') {
      this.#at++
      this.#space()
    }
    if (this.#text[this.#at] !== bracket) return false
    this.#at++
    return true
  }

  #string(): string {
    const start = this.#at++
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    return this.#text.slice(start, ++this.#at)
  }

  #scalar(): string {
    const start = this.#at
    while (this.#at < this.#text.length && !' \t\r\n,]}'.includes(this.#text[this.#at])) this.#at++
    return this.#text.slice(start, this.#at)
  }

  #space(): void {
    while (' \t\r\n'.includes(this.#text[this.#at]) && this.#at < this.#text.length) this.#at++
  }
}
