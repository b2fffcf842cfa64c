/**
 * The contract and what cites it: every tag that the code, the tests or the documents cite is defined in docs/contract.md,
 * and every tag that is defined there is cited by a test.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')
const TAG = /\b(?:TIME|DEDUP|ING|WIN|LIVE|LIMIT|CORS|OPS|STORE)-\d+\b/g

/** The tags that a text cites; `[LIVE-1 to LIVE-3]` and `[TIME-1..4]` stand for all between. */
function tagsOf(text: string): string[] {
  const tags: string[] = text.match(TAG) ?? []
  for (const [, family, first, last] of text.matchAll(/\b([A-Z]+)-(\d+)(?: to (?:[A-Z]+-)?|\.\.)(\d+)/g)) {
    for (let n = Number(first); n <= Number(last); n++) tags.push(`${family}-${n}`)
  }
  return tags.filter((tag) => tag.match(TAG) !== null)
}

function tagsIn(...patterns: string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const file of globSync(patterns, { cwd: ROOT, exclude: (name) => name === 'node_modules' })) {
    for (const tag of tagsOf(readFileSync(join(ROOT, file), 'utf8'))) if (!found.has(tag)) found.set(tag, file)
  }
  return found
}

const contract = readFileSync(join(ROOT, 'docs/contract.md'), 'utf8')
const defined = new Set(Array.from(contract.matchAll(/^\s*- \[([A-Z]+-\d+)\]/gm), ([, tag]) => tag))

t.test('every cited tag is defined', async (t) => {
  const cited = tagsIn('src/**/*.ts', 'schemas/**/*.ts', 'assembly/**/*.ts', 'test/**/*.ts', 'openapi/*.ts', 'docs/*.md', '*.md')
  t.same([...cited].filter(([tag]) => !defined.has(tag)), [])
})

t.test('every defined tag is cited by a test', async (t) => {
  const tested = tagsIn('test/**/*.test.ts', 'test/**/suite.ts')
  t.ok(defined.size > 30, `${defined.size} tags are defined`)
  t.same([...defined].filter((tag) => !tested.has(tag)), [])
})

t.test('ranges are read as what lies between', async (t) => {
  t.same(new Set(tagsOf('[WIN-1 to WIN-3], [TIME-1..2]')), new Set(['WIN-1', 'WIN-2', 'WIN-3', 'TIME-1', 'TIME-2']))
})
