import { ActivityEventFromJSON, AnalyticsApi, Configuration, EventsApi, OperationsApi, ReceiptFromJSON, ResponseError, type ApiResponse } from './client'
import { drive, type Answer } from './scenario'

/** The client throws where the status is no success. */
async function answer<T, R>(made: Promise<ApiResponse<T>>, read: (value: T) => R): Promise<Answer<R>> {
  try {
    const response = await made
    return { status: response.raw.status, data: read(await response.value()) }
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error
    return { status: error.response.status, data: undefined as R }
  }
}

drive((basePath, writeKey = '', readKey = '') => {
  const configuration = new Configuration({ basePath, accessToken: (name) => name === 'writeKey' ? writeKey : readKey })
  const events = new EventsApi(configuration)
  const analytics = new AnalyticsApi(configuration)
  return {
    send: (batch) => answer(events.sendEventsRaw({ activityEvent: batch.map(ActivityEventFromJSON) }), (receipt) => ReceiptFromJSON(receipt)),
    total: () => answer(analytics.getSummaryRaw({ window: '1h' }), (summary) => summary.totalEvents),
    users: () => answer(analytics.listUserCountsRaw({}), ({ users }) => users.map((user) => user.userId)),
    series: () => answer(analytics.getTimeSeriesRaw({ interval: 'minute' }), ({ series }) => series.reduce((sum, step) => sum + step.totalEvents, 0)),
    page: (after, limit) => answer(events.listEventsRaw({ after, limit }), (page) =>
      ({ amounts: page.events.map((event) => event.properties?.amount), cursor: page.cursor, more: page.hasMore })),
    logBytes: () => answer(new OperationsApi(configuration).getHealthRaw(), (health) => health.store.logBytes)
  }
})
