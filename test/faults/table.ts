/** Tables for the terminal: a heading, a title for each column, and a row for each case. */

/** Lines of a table of numbers; the columns are named as the titles say, in their order. */
export function table<T extends object>(heading: string, titles: Record<keyof T & string, string>, rows: ReadonlyMap<string, T>): string {
  const names = Object.keys(titles) as (keyof T & string)[]
  const first = Math.max(heading.length, ...[...rows.keys()].map((name) => name.length)) + 2
  const widths = names.map((name) => Math.max(titles[name].length, 9) + 2)
  const lines = [heading.padEnd(first) + names.map((name, i) => titles[name].padStart(widths[i])).join('')]
  for (const [row, values] of rows) lines.push(row.padEnd(first) + names.map((name, i) => String(values[name]).padStart(widths[i])).join(''))
  return `${lines.join('\n')}\n`
}
