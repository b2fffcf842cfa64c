/** The answers of one application to requests from elsewhere, for tests that wait for the next one. */
import type { FastifyInstance } from 'fastify'

/** Counts answers once they are sent. */
export class Answers {
  count = 0
  readonly #byKey = new Map<string, number>()
  #wake = () => {}

  constructor({ server }: FastifyInstance) {
    server.on('request', ({ url }, response) => response.on('close', () => {
      this.count++
      const key = /[?&]key=([^&]*)/.exec(url!)?.[1] ?? ''
      this.#byKey.set(key, this.with(key) + 1)
      this.#wake()
    }))
  }

  /** How many of them were asked for with this key in the address. */
  with(key: string): number {
    return this.#byKey.get(key) ?? 0
  }

  /** Resolves when something is so, which is looked at after each answer. */
  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let { count } = this; !await holds(); { count } = this) await this.reach(count + 1)
  }

  /** Resolves when there are so many. */
  async reach(count: number): Promise<void> {
    while (this.count < count) await new Promise<void>((resolve) => { this.#wake = resolve })
  }
}
