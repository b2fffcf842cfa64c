/** The load: a number of connections that send requests as fast as they are answered. */
import { Connection } from './connection.ts'

/** How one run went. */
export interface LoadResult {
  /** From the first request to the last answer. */
  seconds: number
  /** Milliseconds from each request to its answer. */
  latencies: Float64Array
}

/** A number of connections that take the next request as soon as one is answered. */
export class Load {
  readonly #connections: Connection[]

  private constructor(connections: Connection[]) {
    this.#connections = connections
  }

  static async open(port: number, connections: number): Promise<Load> {
    return new Load(await Promise.all(Array.from({ length: connections }, () => Connection.open(port))))
  }

  /**
   * Sends the requests `from .. to - 1`. Whatever is answered by another status than 200, or by a body that does not begin
   * as expected, ends the bench: figures of wrong answers are worth nothing.
   */
  async run(request: (i: number) => Buffer, from: number, to: number, expected = ''): Promise<LoadResult> {
    const latencies = new Float64Array(to - from)
    let next = from
    const start = performance.now()
    await Promise.all(this.#connections.map(async (connection) => {
      while (next < to) {
        const i = next++
        const sent = performance.now()
        const { status, body } = await connection.send(request(i))
        latencies[i - from] = performance.now() - sent
        if (status !== 200 || body.toString('latin1', 0, expected.length) !== expected) {
          throw new Error(`request ${i} was answered with ${status}: ${body.toString().slice(0, 300)}`)
        }
      }
    }))
    return { seconds: (performance.now() - start) / 1000, latencies }
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }
}
