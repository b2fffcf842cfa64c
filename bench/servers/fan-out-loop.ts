/**
 * The floor of fan-out: a bare `ws` server. Each POST is answered after its body, with a few words around it, was sent
 * as one frame to every client in a loop, and has left for all of them. Nothing is read, kept, counted or resumed.
 */
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const frame = Buffer.concat([START, ...chunks, END])
    let waiting = sockets.clients.size
    const answer = () => response.setHeader('content-length', OK.length).end(OK)
    if (waiting === 0) answer()
    for (const client of sockets.clients) client.send(frame, TEXT, () => { if (--waiting === 0) answer() })
  })
})
const sockets = new WebSocketServer({ server })

const START = Buffer.from('{"type":"events","cursor":"0123456789ab.0","events":')
const END = Buffer.from('}')
const OK = '{"accepted":'
const TEXT = { binary: false }

server.listen(Number(process.env.PORT), '127.0.0.1')
