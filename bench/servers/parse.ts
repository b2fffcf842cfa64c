/** The yardstick: `node:http` reads the body, does nothing but `JSON.parse` it, and answers how many events it held. */
import { createServer } from 'node:http'
import { receiptOf } from './answer.ts'

createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString()
    const isLines = request.headers['content-type'] === 'application/x-ndjson'
    const events = isLines ? body.split('\n').map((line) => JSON.parse(line)) : JSON.parse(body) as unknown[]
    const text = JSON.stringify(receiptOf(events.length))
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length })
    response.end(text)
  })
}).listen(Number(process.env.PORT), '127.0.0.1')
