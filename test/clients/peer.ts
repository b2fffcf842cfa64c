/** One client under churn. The same function runs in Node and, sent there as text, in a browser. */

export interface PeerTask {
  /** The address of client.js. */
  client: string
  /** The service, each through a proxy. */
  readUrl: string
  writeUrl: string
  name: string
  rate: number
  count: number
  /** Events that all clients send together. */
  expected: number
}

export interface PeerResult {
  sent: number
  accepted: number
  duplicates: number
  dropped: number
  /** The ids that the subscriber to everything was handed, in that order. */
  seen: string[]
  gaps: number
  connections: number
  counted: number
}

/** Sends its events, and resolves when it has all verdicts and has seen and counted everybody's events. */
export async function runPeer(task: PeerTask, onAnswer?: (answered: number) => void): Promise<PeerResult> {
  const { client, readUrl, writeUrl, name, rate, count, expected } = task
  const { createSender, subscribe } = await import(client) as typeof import('../../clients/client.js')
  const backoff = { min: 50, max: 1000 }
  const seen: string[] = []
  const result = { sent: 0, accepted: 0, duplicates: 0, dropped: 0, gaps: 0, connections: 0, counted: 0 }
  let check = () => {}
  const all = new Promise<void>((resolve) => {
    check = () => {
      if (seen.length >= expected && result.counted >= expected) resolve()
    }
  })
  const onGap = () => { result.gaps++ }
  const onState = (state: string) => { if (state === 'open') result.connections++ }

  const reader = subscribe({
    url: readUrl,
    backoff,
    after: 'earliest',
    onGap,
    onState,
    onEvents: (events) => {
      for (const { event_id: id } of events) seen.push(id)
      check()
    }
  })
  const counter = subscribe({
    url: readUrl,
    backoff,
    summary: '7d',
    onGap,
    onState,
    onSummary: (summary) => {
      result.counted = summary.total_events
      check()
    },
    onEvents: (events) => {
      result.counted += events.length
      check()
    }
  })
  const sender = createSender({
    url: writeUrl,
    backoff,
    maxBatch: 20,
    maxDelay: 30,
    maxQueue: count, // cut off so often, it sends more slowly than events come
    onReceipt: ({ accepted, duplicates }) => {
      result.accepted += accepted
      result.duplicates += duplicates
      onAnswer?.(result.accepted + result.duplicates)
    },
    onDropped: (events) => { result.dropped += events.length },
    onRejected: (event, { detail }) => { throw new Error(`${event.event_id}: ${detail}`) }
  })

  const start = performance.now()
  while (result.sent < count) {
    const due = Math.min(count, Math.ceil((performance.now() - start) * rate / 1000))
    while (result.sent < due) sender.send({ user_id: `${name}-${result.sent++ % 7}`, event_type: 'click', properties: { n: result.sent, text: '…'.repeat(100) } })
    await new Promise((resolve) => setTimeout(resolve, 10)) // the pace of the traffic
  }
  await sender.flush()
  await all
  reader.close()
  counter.close()
  await sender.close()
  return { ...result, seen }
}
