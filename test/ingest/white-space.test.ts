import fc from 'fast-check'
import t from 'tap'
import { closeUp } from '../../src/ingest/white-space.ts'
import { lineSpacing, render, tree } from './json-trees.ts'

t.test('the tokens of any value move together, and spaces fill up behind', async (t) => {
  fc.assert(fc.property(tree, lineSpacing, (value, spaces) => {
    const tight = render(value)
    const spaced = render(value, spaces).trim()
    const bytes = Buffer.from(`<${spaced}>`)
    const end = closeUp(bytes, 1, bytes.length - 1)
    return end === 1 + Buffer.byteLength(tight) && bytes.toString() === `<${tight}${' '.repeat(bytes.length - 1 - end)}>`
  }))
  t.pass('no difference found')
})
