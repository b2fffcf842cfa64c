/**
 * Answers that take milliseconds to make are made one in each turn of the event loop, however many are asked for at a
 * time; what is quick goes on between them. [LIMIT-3]
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** The `preHandler` of a long answer: resolves in a turn of the event loop that is for it alone, in the order of the requests. */
    awaitLongTurn(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined>
  }
}

export default fp(async (app) => {
  const waiting: (() => void)[] = []
  let isTaken = false

  const next = () => {
    const resolve = waiting.shift()
    isTaken = resolve !== undefined
    if (resolve === undefined) return
    resolve()
    setImmediate(next)
  }

  app.decorate('awaitLongTurn', async (_request: FastifyRequest, reply: FastifyReply) => {
    if (isTaken) {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return reply.raw.destroyed ? reply.hijack() : undefined // who has gone needs no answer
    }
    isTaken = true
    setImmediate(next)
    return undefined
  })
}, { name: 'long-turns' })
