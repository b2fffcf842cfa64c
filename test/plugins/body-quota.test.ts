/** How the quota of bodies makes room. [LIMIT-2] */
import t from 'tap'
import { BodyQuota, BodyShare, quotaBytes } from '../../src/plugins/body-quota.ts'

/** A quota of 4,000 KiB whose time stands still, and bodies that note whether they were ended. */
function makeQuota() {
  let now = 0
  const quota = new BodyQuota(4000 * 1024, () => now)
  const ended: string[] = []
  return {
    quota,
    ended,
    wait: (milliseconds: number) => { now += milliseconds },
    body: (name: string, bytes = 0) => {
      const share = new BodyShare(quota)
      share.arrives(() => ended.push(name))
      if (bytes > 0) share.grow(bytes)
      return share
    }
  }
}

const KIB = 1024

t.test('large bodies have three quarters; the slowest of them makes room', async (t) => {
  const { quota, ended, wait, body } = makeQuota()
  const first = body('first', 1000 * KIB)
  body('stopped', 1000 * KIB)
  wait(2000)
  first.grow(500 * KIB)
  body('young', 400 * KIB)
  t.same(ended, [])
  const next = body('next', 100 * KIB)
  t.same(ended, [], 'exactly as much as there is')
  next.grow(1)
  t.same(ended, ['stopped'])
  t.equal(quota.bytes, 2000 * KIB + 1)
})

t.test('where all are young the oldest makes room', async (t) => {
  const { ended, body } = makeQuota()
  body('a', 1500 * KIB)
  body('b', 1500 * KIB)
  body('c', 100 * KIB)
  t.same(ended, ['a'])
})

t.test('small bodies have a quarter that large ones cannot fill, and the other way round', async (t) => {
  const { quota, ended, body } = makeQuota()
  const large = body('large', 3000 * KIB)
  for (let i = 0; i < 15; i++) body(`small-${i}`, 64 * KIB)
  t.same(ended, [])
  body('small-15', 64 * KIB)
  t.same(ended, ['small-0'])
  large.grow(1)
  t.same(ended, ['small-0', 'large'], 'alone, it makes room itself')
  t.equal(quota.bytes, 15 * 64 * KIB)
})

t.test('a body that has arrived is not ended, and counts until it is answered', async (t) => {
  const { quota, ended, body } = makeQuota()
  const whole = body('whole', 2900 * KIB)
  whole.arrived()
  body('next', 200 * KIB)
  t.same(ended, ['next'])
  whole.close()
  whole.close()
  t.equal(quota.bytes, 0)
  const later = body('later', 3000 * KIB)
  t.same(ended, ['next'])
  later.shrink(1000 * KIB)
  body('more', 1000 * KIB)
  t.same(ended, ['next'])
})

t.test('a body that came at once is refused where nobody can make room', async (t) => {
  const { body, quota } = makeQuota()
  const whole = body('whole')
  whole.arrived()
  for (let i = 0; i < 16; i++) {
    const share = new BodyShare(quota)
    share.grow(60 * KIB)
    t.ok(share.fits)
  }
  const one = new BodyShare(quota)
  one.grow(64 * KIB)
  t.notOk(one.fits)
  one.close()
  const other = new BodyShare(quota)
  other.grow(1)
  t.ok(other.fits)
})

t.test('sixteen of the largest bodies fit, and never less than 64 MiB', async (t) => {
  t.equal(quotaBytes(10 << 20), 160 << 20)
  t.equal(quotaBytes(1024), 64 << 20)
})
