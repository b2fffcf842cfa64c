/**
 * Reads a stream of events with a library of this runtime, as its documentation shows, and writes the id of each event as
 * a line. Called with the library's name and the address; lives until it is ended.
 */
import { createRequire } from 'node:module'

interface Source {
  addEventListener(name: string, listener: (message: { data: string }) => void): void
}

type SourceClass = new (url: string) => Source

const require = createRequire(import.meta.url)

function take(data: string): void {
  if (data !== '') console.log(JSON.parse(data).event_id ?? 'gap')
}

function follow(Class: SourceClass, url: string): void {
  const source = new Class(url)
  for (const name of ['message', 'gap']) source.addEventListener(name, ({ data }) => take(data))
}

async function followByFetch(url: string): Promise<void> {
  Object.assign(globalThis, { window: globalThis, document: { addEventListener() {}, removeEventListener() {}, hidden: false } })
  const { fetchEventSource } = require('@microsoft/fetch-event-source')
  await fetchEventSource(url, { openWhenHidden: true, onmessage: ({ data }: { data: string }) => take(data), onclose() { throw new Error('come back') } })
}

const LIBRARIES: Record<string, (url: string) => void | Promise<void>> = {
  eventsource1: (url) => follow(require('eventsource1'), url),
  eventsource2: (url) => follow(require('eventsource2'), url),
  eventsource3: async (url) => follow((await import('eventsource3')).EventSource as unknown as SourceClass, url),
  eventsource4: async (url) => follow((await import('eventsource4')).EventSource as unknown as SourceClass, url),
  'fetch-event-source': followByFetch,
  'event-source-polyfill': (url) => follow(require('event-source-polyfill').EventSourcePolyfill, url),
  'node EventSource': (url) => follow((globalThis as unknown as { EventSource: SourceClass }).EventSource, url)
}

setInterval(() => {}, 1000) // whatever the library does meanwhile
const [library, url] = process.argv.slice(2)
await LIBRARIES[library](url)
