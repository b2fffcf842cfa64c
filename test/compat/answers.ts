/** The answers of one application to requests from elsewhere, for tests that wait for the next one. */
import type { FastifyInstance } from 'fastify'

/** Counts answers once they are sent. */
export class Answers {
  count = 0
  #wake = () => {}

  constructor({ server }: FastifyInstance) {
    server.on('request', (_request, response) => response.on('close', () => {
      this.count++
      this.#wake()
    }))
  }

  /** Resolves when there are so many. */
  async reach(count: number): Promise<void> {
    while (this.count < count) await new Promise<void>((resolve) => { this.#wake = resolve })
  }
}
