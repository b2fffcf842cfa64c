/** The clock of the machine. */
import { uptime } from 'node:os'
import type { Clock } from './backend.ts'

/** What the system says. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  uptime: () => uptime() * 1000
}
