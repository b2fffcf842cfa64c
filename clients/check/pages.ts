/** The code that the pages in `clients/` show, so that what is run is what people read. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The first block of code of a page that is no command.
 * @param page relative to `clients/`
 * @param language of the block; by default any but that of the shell
 */
export async function codeOf(page: string, language = '(?!sh)[a-z]+'): Promise<string> {
  const text = await readFile(join(import.meta.dirname, '..', page), 'utf8')
  const [, code] = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'm').exec(text) ?? []
  if (code === undefined) throw new Error(`${page} shows no code`)
  return code
}
