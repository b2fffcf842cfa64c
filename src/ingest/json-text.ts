/** JSON text that is known to be valid and not too deep, read token by token. Whoever reads it knows what comes next. */
export class JsonText {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** The first character of the next token, which tells what kind of value it is or begins. */
  peek(): string {
    while (' \t\r\n'.includes(this.#text[this.#at]) && this.#at < this.#text.length) this.#at++
    return this.#text[this.#at]
  }

  /** Passes a token of one character: an opening bracket or a colon. */
  pass(): void {
    this.peek()
    this.#at++
  }

  /** Within an object or array, before a member or after it: passes a comma; true, and past it, at the closing bracket. */
  closes(bracket: string): boolean {
    if (this.peek() === ',') this.pass()
    if (this.peek() !== bracket) return false
    this.#at++
    return true
  }

  /** A string as it is spelled, quotes included. */
  string(): string {
    const start = this.#at++
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    return this.#text.slice(start, ++this.#at)
  }

  /** A string, number or word as it is spelled. */
  scalar(): string {
    if (this.peek() === '"') return this.string()
    const start = this.#at
    while (this.#at < this.#text.length && !' \t\r\n,]}'.includes(this.#text[this.#at])) this.#at++
    return this.#text.slice(start, this.#at)
  }
}

/** What a key means that is spelled so, quotes included. */
export function decodeKey(key: string): string {
  return key.includes('\\') ? JSON.parse(key) as string : key.slice(1, -1)
}
