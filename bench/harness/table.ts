/** Prints rows as a Markdown table that also reads well in a terminal. */

/** One row: column title to cell. All rows of a table have the same columns. */
export type Row = Record<string, string | number>

/** The table as text: words to the left, figures to the right. */
export function formatTable(rows: readonly Row[]): string {
  const titles = Object.keys(rows[0])
  const columns = titles.map((title) => {
    const cells = rows.map((row) => format(row[title]))
    const width = Math.max(title.length, 2, ...cells.map((cell) => cell.length))
    const right = rows.every((row) => typeof row[title] === 'number')
    const pad = (text: string) => right ? text.padStart(width) : text.padEnd(width)
    return { title: pad(title), rule: right ? '-'.repeat(width - 1) + ':' : '-'.repeat(width), cells: cells.map(pad) }
  })
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [
    line(columns.map((column) => column.title)),
    line(columns.map((column) => column.rule)),
    ...rows.map((_, i) => line(columns.map((column) => column.cells[i])))
  ].join('\n')
}

/** Whole numbers in groups of three digits, small ones with up to three significant digits, no figure as a dash. */
function format(cell: string | number): string {
  if (typeof cell === 'string') return cell
  if (Number.isNaN(cell)) return '–'
  if (Number.isInteger(cell) || Math.abs(cell) >= 100) return Math.round(cell).toLocaleString('en')
  return Number(cell.toPrecision(3)).toString()
}
