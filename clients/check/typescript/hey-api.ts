import { getHealth, getSummary, getTimeSeries, listEvents, listUserCounts, sendEvents } from './client'
import { createClient } from './client/client'
import { drive } from './scenario'

drive((baseUrl, writeKey, readKey) => {
  const client = createClient({ baseUrl, auth: ({ key }) => key === 'writeKey' ? writeKey : readKey })
  return {
    async send(body) {
      const { data, error, response } = await sendEvents({ client, body })
      return { status: response!.status, data: (data ?? error) as NonNullable<typeof data> }
    },
    async total() {
      const { data, response } = await getSummary({ client, query: { window: '1h' } })
      return { status: response!.status, data: Number(data?.total_events) }
    },
    async users() {
      const { data, response } = await listUserCounts({ client })
      return { status: response!.status, data: data?.users.map((user) => user.user_id) ?? [] }
    },
    async series() {
      const { data, response } = await getTimeSeries({ client, query: { interval: 'minute' } })
      return { status: response!.status, data: data?.series.reduce((sum, step) => sum + Number(step.total_events), 0) ?? 0 }
    },
    async page(after, limit) {
      const { data, response } = await listEvents({ client, query: { after, limit } })
      return { status: response!.status, data: { amounts: data?.events.map((event) => event.properties?.amount) ?? [], cursor: data?.cursor ?? '', more: data?.has_more ?? false } }
    },
    async logBytes() {
      const { data, response } = await getHealth({ client })
      return { status: response!.status, data: Number(data?.store.log_bytes) }
    }
  }
})
