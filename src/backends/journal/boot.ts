/** Which run of the operating system this is. */
import { readFileSync } from 'node:fs'

/** Linux names each run of the system; elsewhere every unclean end counts as one of the system. */
export function readBoot(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return undefined
  }
}
