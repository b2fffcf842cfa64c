/** The arguments of commands that take nothing but whole numbers, by name, each with a default. */
import { parseArgs } from 'node:util'

/** Reads them; where one is not valid it says how the command is used and ends the process. */
export function readNumbers<T extends Record<string, number>>(command: string, defaults: T): T {
  const usage = `Usage: npm run ${command} -- ${Object.entries(defaults).map(([name, value]) => `[--${name} ${value}]`).join(' ')}\n`
  try {
    const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' as const }]))
    const { values } = parseArgs({ options })
    return Object.fromEntries(Object.entries(defaults).map(([name, value]) => {
      const number = Number(values[name] ?? value)
      if (!Number.isInteger(number) || number < 0) throw new Error(`--${name} must be a whole number.`)
      return [name, number]
    })) as T
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`)
    process.exit(1)
  }
}
