/** How many, by whom and when: summaries, user counts and time series over sliding windows. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { Summary, SummaryQuery, TimeSeries, TimeSeriesQuery, UserCounts, UsersQuery } from '../../schemas/index.ts'
import { GUARDED_PROBLEMS, json, problem } from './responses.ts'

const problems = { ...GUARDED_PROBLEMS, 400: problem('The query is not valid.') }

const summarySchema = {
  operationId: 'getSummary',
  tags: ['analytics'],
  summary: 'Summarize a window',
  description: 'Exact figures of every event with `from <= timestamp <= to`. The next answer already shows what was just sent.',
  querystring: SummaryQuery,
  response: { ...problems, 200: json(Summary, 'The summary, as of now.') }
}

const usersSchema = {
  operationId: 'listUserCounts',
  tags: ['analytics'],
  summary: 'Count by user',
  description: 'The users with the most events, or just those that are named. `from` is rounded down to the whole hour.',
  querystring: UsersQuery,
  response: { ...problems, 200: json(UserCounts, 'The users, most events first.') }
}

const timeSeriesSchema = {
  operationId: 'getTimeSeries',
  tags: ['analytics'],
  summary: 'Count by time',
  description: 'Counts for every minute or hour of a window, zeros included.',
  querystring: TimeSeriesQuery,
  response: { ...problems, 200: json(TimeSeries, 'The series, oldest step first.') }
}

const analytics: FastifyPluginAsyncTypebox = async (app) => {
  const config = { scope: 'read' } as const

  app.get('/analytics/summary', { schema: summarySchema, config }, async ({ query }) =>
    app.aggregator.summary(query.window!))

  app.get('/analytics/users', { schema: usersSchema, config, preHandler: app.awaitLongTurn }, async ({ query }) =>
    app.aggregator.users(query.window!, query.limit!, query.user_id))

  app.get('/analytics/timeseries', { schema: timeSeriesSchema, config, preHandler: app.awaitLongTurn }, async ({ query }) =>
    app.aggregator.timeseries(query.window!, query.interval!))
}

export default fp(analytics, { name: 'analytics-routes', encapsulate: true, dependencies: ['backend', 'long-turns', 'docs'] })
