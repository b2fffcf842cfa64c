/** Where the figures of a bench go: a table for people, and beside it a JSON file with every single measurement. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Flags } from './flags.ts'
import { formatTable, type Row } from './table.ts'

const DIRECTORY = join(import.meta.dirname, '..', 'results')

/** What the figures were measured on. */
function machine() {
  const cores = cpus()
  return {
    processor: cores[0].model.trim(),
    cores: cores.length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version
  }
}

/** Collects the tables of one bench and writes them out at the end. */
export class Results {
  readonly #bench: string
  readonly #flags: Flags
  readonly #started = new Date()
  /** How busy the machine was before; anything but 0 says that others were at work. */
  readonly #load = loadavg()[0]
  readonly #tables: { title: string, rows: Row[] }[] = []
  readonly #measurements: object[] = []

  constructor(bench: string, flags: Flags) {
    this.#bench = bench
    this.#flags = flags
  }

  /** Keeps one measurement for the JSON file and shows that things go on. */
  add(measurement: Record<string, string | number>): void {
    this.#measurements.push(measurement)
    const text = Object.entries(measurement).map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(6)) : value}`)
    process.stderr.write(`${text.join('  ')}\n`)
  }

  /** Prints a table. */
  print(title: string, rows: Row[]): void {
    this.#tables.push({ title, rows })
    process.stdout.write(`\n${title}\n\n${formatTable(rows)}\n`)
  }

  /** Writes everything to `bench/results/<bench>.json` and says on what machine it was measured. */
  save(): void {
    const about = machine()
    mkdirSync(DIRECTORY, { recursive: true })
    const file = join(DIRECTORY, `${this.#bench}.json`)
    writeFileSync(file, JSON.stringify({
      bench: this.#bench,
      started: this.#started.toISOString(),
      machine: about,
      load_before: this.#load,
      flags: this.#flags,
      tables: this.#tables,
      measurements: this.#measurements
    }, null, 2) + '\n')
    const { processor, cores, memory_gib: memory, platform, node } = about
    process.stdout.write(`\n${processor}, ${cores} cores, ${memory} GiB, ${platform}, Node ${node}; load before ${this.#load.toFixed(2)}. Every measurement: ${file}\n`)
  }
}
