/** Tables of cases: each counts as one assertion, which shows the cases that are wrong by their names. */
import type { Test } from 'tap'

/** A case by its name: what was found, and what is expected. */
export type Row = readonly [name: string, found: unknown, expected: unknown]

/** One assertion for a whole table. Of names that occur twice, both count. Fails for a table without cases. */
export function checkTable(t: Test, rows: Iterable<Row>, message = 'every case of the table'): void {
  const found: [string, unknown][] = []
  const expected: [string, unknown][] = []
  for (const [name, is, shall] of rows) {
    found.push([name, is])
    expected.push([name, shall])
  }
  if (found.length === 0) t.fail(`${message}: there are no cases`)
  else t.strictSame(found, expected, message)
}

/** The same for cases of which each must hold. */
export function checkAll<T>(t: Test, cases: Iterable<T>, holds: (item: T) => unknown, message: string, name: (item: T) => string = String): void {
  const all = [...cases]
  if (all.length === 0) t.fail(`${message}: there are no cases`)
  else t.same(all.filter((item) => holds(item) !== true).map(name), [], message)
}
