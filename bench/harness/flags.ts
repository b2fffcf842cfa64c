/** Command-line flags of a bench, each with a default of its own type: a number, a text, or a list of numbers. */
import { parseArgs } from 'node:util'

/** What a flag may hold. */
export type Flags = Record<string, number | string | number[]>

/** Reads `--name value`; numbers may be written as 20_000_000 or 2e7, lists with commas. Ends the process on a mistake. */
export function readFlags<T extends Flags>(defaults: T): T {
  const usage = Object.entries(defaults).map(([name, value]) => `  --${name} ${Array.isArray(value) ? value.join(',') : value}`).join('\n')
  try {
    const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' as const }]))
    const given = parseArgs({ options }).values
    const values: Flags = { ...defaults }
    for (const [name, text] of Object.entries(given)) values[name] = parse(defaults[name], text as string)
    return values as T
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nFlags and their defaults:\n${usage}\n`)
    process.exit(1)
  }
}

function parse(byDefault: Flags[string], text: string): Flags[string] {
  if (typeof byDefault === 'string') return text
  if (typeof byDefault === 'number') return parseNumber(text)
  return text.split(',').map(parseNumber)
}

function parseNumber(text: string): number {
  const value = Number(text.replaceAll('_', ''))
  if (text === '' || !Number.isFinite(value) || value < 0) throw new TypeError(`"${text}" is not a number of 0 or more`)
  return value
}
