/** What an engine says of itself: processor time, memory, and how long its slowest call took. */
import type { Redis } from 'ioredis'

const field = (info: string, name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1])

/** Seconds of processor time that masters have used. */
export async function cpuSeconds(masters: readonly Redis[]): Promise<number> {
  const infos = await Promise.all(masters.map((client) => client.info('cpu')))
  return infos.reduce((sum, info) => sum + field(info, 'used_cpu_user') + field(info, 'used_cpu_sys'), 0)
}

/** Bytes that masters use for data. */
export async function memoryBytes(masters: readonly Redis[]): Promise<number> {
  const infos = await Promise.all(masters.map((client) => client.info('memory')))
  return infos.reduce((sum, info) => sum + field(info, 'used_memory'), 0)
}

/** The longest call since the last reset of its log, milliseconds. */
export async function longestCall(masters: readonly Redis[]): Promise<number> {
  const logs = await Promise.all(masters.map(async (client) => await client.call('SLOWLOG', 'GET', 128) as [number, number, number][]))
  return Math.max(0, ...logs.flat().map(([, , micros]) => micros)) / 1000
}
