/** Nodes of an engine as REDIS_NODES lists them: `host:port`, an IPv6 address in brackets. */
import { ItemMistake, listReader } from './list.ts'

/** Reads the list of nodes. */
export const readNodes = listReader((item) => {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(item)
  if (match === null || Number(match[2]) < 1 || Number(match[2]) > 65_535) throw new ItemMistake(`${JSON.stringify(item)} is no node; host:port is one, such as 10.0.0.5:6379`)
  return item
})
