/** A walk through all lines, a few at a time, that gives the slots of generations that are over a stamp of 0. */
import { groupAfter, groupsEnd } from './directory'
import { count, pageAt, pagesOf } from './group'
import { clear, LINE_BYTES } from './line'
import { GROUPS, PAGE_BYTES } from './memory'

/** Where the walk is: a group, which of its pages, and how far within it. */
let group: usize = GROUPS
let page: u32 = 0
let offset: usize = 0

/**
 * Goes on by so many lines. Returns whether the end has been reached; the next call begins anew. What is over is never moved,
 * so from then on no slot has the stamp of a generation that was over when the walk began.
 */
export function sweep(lines: u32): bool {
  for (let left = lines; left > 0;) {
    if (page >= pagesOf(group)) {
      group = groupAfter(group)
      page = 0
      if (group === groupsEnd()) {
        group = GROUPS
        return true
      }
    }
    const start = pageAt(group, page)
    const end = min(PAGE_BYTES, offset + LINE_BYTES * <usize>left)
    left -= <u32>((end - offset) / LINE_BYTES)
    for (; offset < end; offset += LINE_BYTES) count(group, -<i32>clear(start + offset))
    if (offset === PAGE_BYTES) {
      offset = 0
      page++
    }
  }
  return false
}
