/**
 * The scripts that run in the engine, from the `.lua` files beside this module. Each is sent by its hash; an engine that does
 * not know it, as after a failover or `SCRIPT FLUSH`, is sent the text once more.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** One script: its text and the hash by which the engine knows it. */
export interface Script {
  name: string
  text: string
  sha: string
}

function script(name: string, parts: readonly string[], flags = ''): Script {
  const lines = [`#!lua${flags}`, ...[...parts, name].map((part) => readFileSync(new URL(`lua/${part}.lua`, import.meta.url), 'utf8'))]
  const text = lines.join('\n')
  return { name, text, sha: createHash('sha1').update(text).digest('hex') }
}

const READS_ONLY = ' flags=no-writes'

/** Runs while the memory is full, too: writes next to nothing. */
const SMALL = ' flags=allow-oom'

/** Every script. */
export const SCRIPTS = {
  append: script('append', ['partition', 'epoch', 'table']),
  lookup: script('lookup', ['partition', 'table']),
  upkeep: script('upkeep', ['partition', 'totals']),
  summary: script('summary', ['partition'], READS_ONLY),
  series: script('series', ['partition'], READS_ONLY),
  users: script('users', ['partition', 'totals'], READS_ONLY),
  read: script('read', ['partition', 'epoch'], READS_ONLY),
  end: script('end', ['partition'], READS_ONLY),
  confirm: script('confirm', ['partition', 'epoch'], SMALL)
} as const
