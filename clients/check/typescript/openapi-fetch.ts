import createClient from 'openapi-fetch'
import type { paths } from './client/types'
import { drive } from './scenario'

drive((baseUrl, writeKey, readKey) => {
  const client = createClient<paths>({ baseUrl })
  client.use({
    onRequest({ request }) {
      const key = request.method === 'POST' ? writeKey : readKey
      if (key !== undefined) request.headers.set('authorization', `Bearer ${key}`)
    }
  })
  return {
    async send(body) {
      const { data, error, response } = await client.POST('/events', { body })
      return { status: response.status, data: (data ?? error) as NonNullable<typeof data> }
    },
    async total() {
      const { data, response } = await client.GET('/analytics/summary', { params: { query: { window: '1h' } } })
      return { status: response.status, data: data?.total_events ?? 0 }
    },
    async users() {
      const { data, response } = await client.GET('/analytics/users')
      return { status: response.status, data: data?.users.map((user) => user.user_id) ?? [] }
    },
    async series() {
      const { data, response } = await client.GET('/analytics/timeseries', { params: { query: { interval: 'minute' } } })
      return { status: response.status, data: data?.series.reduce((sum, step) => sum + step.total_events, 0) ?? 0 }
    },
    async page(after, limit) {
      const { data, response } = await client.GET('/events', { params: { query: { after, limit } } })
      return { status: response.status, data: { amounts: data?.events.map((event) => event.properties?.amount) ?? [], cursor: data?.cursor ?? '', more: data?.has_more ?? false } }
    },
    async logBytes() {
      const { data, response } = await client.GET('/health')
      return { status: response.status, data: data?.store.log_bytes ?? 0 }
    }
  }
})
