/** `GET /events/rejections`: what was refused lately, and why; for senders that see no answer. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { RejectionList, RejectionQuery } from '../../schemas/index.ts'
import { GUARDED_PROBLEMS, json, problem } from './responses.ts'

const schema = {
  operationId: 'listRejections',
  tags: ['events'],
  summary: 'Read what was refused',
  description: 'The newest refusals of events and requests, newest first: why, where in the event, and by which key and origin it was sent, never what was in it. ' +
    'At most 1,000, of each code 100. Beacons and shippers do not see answers; here their mistakes can be found.',
  querystring: RejectionQuery,
  response: {
    ...GUARDED_PROBLEMS,
    200: json(RejectionList, 'The refusals.'),
    400: problem('The query is not valid.')
  }
}

const rejections: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/events/rejections', { schema, config: { scope: 'read' } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(app.rejections.toJson()))
}

export default fp(rejections, { name: 'rejections-routes', encapsulate: true, dependencies: ['rejections', 'docs'] })
