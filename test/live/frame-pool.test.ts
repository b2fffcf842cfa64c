import t from 'tap'
import { FramePool } from '../../src/live/frame-pool.ts'

const LENGTH = 40_000

t.test('memory is used again once nobody refers to it any more', async (t) => {
  const pool = new FramePool()
  const first = pool.acquire(LENGTH)
  first.retain()
  first.release()
  t.not(pool.acquire(LENGTH), first, 'one still refers to it')
  first.release()
  t.equal(pool.acquire(LENGTH), first)
})

t.test('a release too many is an error, and so nobody writes over what another sends', async (t) => {
  for (const length of [100, LENGTH, 200_000]) {
    const memory = new FramePool().acquire(length)
    memory.release()
    t.throws(() => memory.release(), { message: 'the memory of a frame was released twice' }, `${length} bytes`)
  }
})

t.test('small and large frames have memory of their own, which is not used again', async (t) => {
  const pool = new FramePool()
  for (const length of [100, 200_000]) {
    const memory = pool.acquire(length)
    memory.release()
    t.not(pool.acquire(length), memory, `${length} bytes`)
  }
})

t.test('words around the events are written beside them', async (t) => {
  const memory = new FramePool().acquire(LENGTH)
  memory.events(LENGTH).fill('e')
  const cursor = 'c'.repeat(512)
  t.equal(memory.enclose(cursor, 3, ']}').toString(), `${cursor}eee]}`)
  t.throws(() => memory.enclose('c'.repeat(1000), 3, ']}'), { name: 'RangeError' })
})
