/**
 * The layout of the journal's database: how a new file is laid out, and how one of an older version becomes one of this
 * version. A file that is not a journal, or one of a newer version, is refused and not touched.
 */
import { DatabaseSync } from 'node:sqlite'
import { RefusedError } from '../backend.ts'
import { damageOf } from './damage.ts'

/** "EvtJ": tells a journal from any other SQLite file. */
const APPLICATION_ID = 0x4576744a

/** Bytes a page: larger ones make the chains of a row's pages shorter, smaller ones the commit of a single event. */
export const PAGE_SIZE = 16_384

/**
 * Steps from one version to the next; the version is their number. A step is never altered once it was released, and runs
 * in one transaction with its version number, so that it happens wholly or not at all.
 *
 * A row is what was committed together: `count` events from `position` on, in order of arrival. `wall` and `elapsed` say
 * when, in milliseconds (see JournalClock). `columns` is laid out as rows.ts says; `events` is canonical JSON, separated
 * by commas. The checksums are CRC-32; `row_checksum` is that of all other figures (see row-checksum.ts), and rows before the
 * position `checked_from` in `meta` have none.
 */
export const MIGRATIONS: readonly string[] = [`
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE rows (
    position INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    wall INTEGER NOT NULL,
    elapsed INTEGER NOT NULL,
    columns_checksum INTEGER NOT NULL,
    events_checksum INTEGER NOT NULL,
    columns BLOB NOT NULL,
    events BLOB NOT NULL
  ) STRICT;
  CREATE VIEW events AS
    SELECT
      json_extract(event.value, '$.event_id') AS event_id,
      json_extract(event.value, '$.user_id') AS user_id,
      json_extract(event.value, '$.event_type') AS event_type,
      json_extract(event.value, '$.timestamp') AS timestamp,
      json_extract(event.value, '$.properties') AS properties,
      strftime('%Y-%m-%dT%H:%M:%fZ', rows.wall / 1000.0, 'unixepoch') AS arrived,
      rows.position + event.key AS position
    FROM rows, json_each('[' || CAST(rows.events AS TEXT) || ']') AS event;
`, `
  ALTER TABLE rows ADD COLUMN row_checksum INTEGER;
  INSERT OR REPLACE INTO meta
    SELECT 'checked_from', CAST(coalesce(max(position + count), 0) AS TEXT) FROM rows
    UNION ALL SELECT 'first', CAST(coalesce(min(position), 0) AS TEXT) FROM rows;
`]

function pragma(db: DatabaseSync, name: string): number {
  return Object.values(db.prepare(`PRAGMA ${name}`).get()!)[0] as number
}

/** Whether the file holds nothing at all yet. */
export function isBlank(db: DatabaseSync): boolean {
  return pragma(db, 'schema_version') === 0 && pragma(db, 'user_version') === 0 && pragma(db, 'application_id') === 0
}

/**
 * Brings a database to the present layout.
 * @param migrations a test passes its own
 * @throws RefusedError where that cannot be done
 */
export function prepareLayout(db: DatabaseSync, file: string, migrations = MIGRATIONS): void {
  const blank = isBlank(db)
  const version = pragma(db, 'user_version')
  if (!blank && (pragma(db, 'application_id') !== APPLICATION_ID || version === 0)) {
    throw new RefusedError(`${file} is not a journal of this service. Set DATA_DIR to another folder, or move the file away.`)
  }
  if (version > migrations.length) {
    throw new RefusedError(`${file} was written by a newer version of this service (layout ${version}, this one knows ${migrations.length}). Start that version, or set DATA_DIR to another folder.`)
  }
  if (blank) db.exec(`PRAGMA page_size = ${PAGE_SIZE}; PRAGMA auto_vacuum = INCREMENTAL`)
  const mode = db.prepare('PRAGMA journal_mode = WAL').get()!.journal_mode
  if (mode !== 'wal') throw new RefusedError(`${file} lies on a file system without shared memory, which SQLite's write-ahead log needs. Set DATA_DIR to a local folder.`)
  for (let next = version; next < migrations.length; next++) migrate(db, migrations[next], next + 1)
}

/**
 * Checks that tables and views are what this version makes them, since a flipped bit in their text may mean something else.
 * @throws RefusedError
 */
export function checkLayout(db: DatabaseSync, file: string): void {
  const wanted = new DatabaseSync(':memory:')
  for (const step of MIGRATIONS) wanted.exec(step)
  const textOf = (of: DatabaseSync): string => JSON.stringify(of.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all())
  const isRight = textOf(db) === textOf(wanted)
  wanted.close()
  if (!isRight) throw damageOf(file, 'its tables are not what was made')
}

function migrate(db: DatabaseSync, step: string, version: number): void {
  db.exec('PRAGMA synchronous = FULL; BEGIN IMMEDIATE')
  try {
    db.exec(`${step}; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${version}; COMMIT`)
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
