/** clients/javascript.md, for tests that hold it to what it says. */
import { readFileSync } from 'node:fs'

export const PAGE = readFileSync(new URL('../../clients/javascript.md', import.meta.url), 'utf8')

/** The one block of a language. */
export function block(language: string): string {
  const blocks = [...PAGE.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, name]) => name === language)
  if (blocks.length !== 1) throw new Error(`the page has ${blocks.length} blocks of ${language}`)
  return blocks[0][2]
}
