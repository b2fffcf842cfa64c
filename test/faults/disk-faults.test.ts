/** Disks that are full, out of quota or failing, as the whole service meets them. [STORE-3] */
import { constants } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { seededRandom } from '../../demo/random.ts'
import type { Receipt } from '../../schemas/index.ts'
import { makeFolder } from '../backends/journal/rig.ts'
import { anEvent } from '../harness.ts'
import { ServerProcess } from '../server-process.ts'
import { DiskModel } from './disk-model.ts'
import { compilePreload, preloadObstacle } from './preload.ts'
import { RecordedDisk } from './recorded-disk.ts'

const { ENOSPC, EDQUOT, EIO } = constants.errno

/** A service on a recorded disk, one process after the other. */
class Rig {
  readonly disk: RecordedDisk
  readonly #t: Test
  #server!: ServerProcess
  #origin = ''

  constructor(t: Test) {
    const folder = makeFolder(t)
    this.#t = t
    this.disk = new RecordedDisk(compilePreload('disk', folder), folder, new Map(), (root) => new DiskModel(root, new Map(), 0, seededRandom(1)))
    t.teardown(() => this.disk.close())
  }

  launch(): ServerProcess {
    return new ServerProcess(this.#t, { STORE: 'journal', DATA_DIR: join(this.disk.root, 'data'), HOST: '127.0.0.1', ...this.disk.env })
  }

  async start(): Promise<void> {
    this.#server = this.launch()
    this.#origin = `http://127.0.0.1:${await this.#server.port()}`
  }

  async stop(): Promise<void> {
    this.#server.child.kill('SIGTERM')
    await this.#server.exit
  }

  async send(): Promise<Receipt> {
    const response = await fetch(`${this.#origin}/events`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([anEvent()])
    })
    return await response.json() as Receipt
  }

  async total(): Promise<number> {
    for (;;) {
      const response = await fetch(`${this.#origin}/analytics/summary`)
      if (response.ok) return (await response.json() as { total_events: number }).total_events
    }
  }

  /** Resolves once the service is as ready as that. */
  async readiness(status: number): Promise<void> {
    while ((await fetch(`${this.#origin}/health/ready`)).status !== status);
  }
}

const full = { unavailable: 1, errors: [{ code: 'storage_full' }] }

t.test('a quota that is used up, and a disk that is full at the start', { skip: preloadObstacle() ?? false, timeout: 280_000 }, async (t) => {
  const rig = new Rig(t)
  await rig.start()
  t.match(await rig.send(), { accepted: 1 })
  rig.disk.setFaults({ writes: 1, error: EDQUOT })
  t.match(await rig.send(), full, 'a quota is no failing disk')
  rig.disk.setFaults({})
  await rig.readiness(200)
  t.match(await rig.send(), { accepted: 1 })
  await rig.stop()

  rig.disk.setFaults({ writes: 1, error: ENOSPC })
  await rig.start()
  t.equal(await rig.total(), 2, 'it answers reads')
  t.match(await rig.send(), full)
  await rig.readiness(503)
  rig.disk.setFaults({})
  await rig.readiness(200)
  t.match(await rig.send(), { accepted: 1 }, 'and goes on by itself')
  t.equal(await rig.total(), 3)
  await rig.stop()

  rig.disk.setFaults({ reads: 1, error: EIO })
  const refused = rig.launch()
  t.equal(await refused.exit, 1)
  t.match(refused.stderr, /events\.db cannot be read: disk I\/O error \(SQLite \d+\)\. The disk may be failing; nothing was changed\.\n$/)
  t.notMatch(refused.stderr, /damaged/)
})
