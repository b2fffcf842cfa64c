/** What a person is told about a journal that does not hold what it should. */
import { dirname } from 'node:path'
import { RefusedError } from '../backend.ts'

/**
 * The refusal of a damaged file, with what to do.
 * @param what is wrong with it, without a full stop
 */
export function damageOf(file: string, what: string): RefusedError {
  return new RefusedError(`${file} is damaged: ${what}. Put a backup in its place, or copy what is intact to a new folder: npm run salvage -- ${dirname(file)} <new folder>; nothing was changed.`)
}
