/**
 * The floor of fan-out: a bare `ws` server. Each POST is answered after its body, with a few words around it, was sent
 * as one frame to every client in a loop, and has left for all of them. Whoever sends a frame is sent all that came so
 * far, two frames at a time. Nothing is read, judged, counted, filtered or resumed.
 */
import { createServer } from 'node:http'
import { WebSocketServer, type WebSocket } from 'ws'

const START = Buffer.from('{"type":"events","cursor":"0123456789ab.0","events":')
const END = Buffer.from('}')
const OK = '{"accepted":'
const TEXT = { binary: false }

/** Frames on their way to one client that asked for all of them. */
const WINDOW = 2

const frames: Buffer[] = []

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const frame = Buffer.concat([START, ...chunks, END])
    frames.push(frame)
    let waiting = sockets.clients.size
    const answer = () => response.setHeader('content-length', OK.length).end(OK)
    if (waiting === 0) answer()
    for (const client of sockets.clients) client.send(frame, TEXT, () => { if (--waiting === 0) answer() })
  })
})
const sockets = new WebSocketServer({ server })

sockets.on('connection', (client: WebSocket) => {
  client.on('message', () => {
    let next = 0
    const send = () => { if (next < frames.length) client.send(frames[next++], TEXT, send) }
    for (let i = 0; i < WINDOW; i++) send()
  })
})

server.listen(Number(process.env.PORT), '127.0.0.1')
