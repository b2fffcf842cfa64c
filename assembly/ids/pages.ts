/** The pages of the memory, of 64 KiB each: as much as WebAssembly's grows by at the least. One that is given back is the next to be used. */
import { PAGE_BYTES, PAGES } from './memory'

/** Pages whose memory is taken from the system together. */
const PAGES_TAKEN: i32 = 16
/** The end of the list of free pages, each of which begins with the number of the next. */
const NONE: u32 = 0xffff

let pages: u32 = 0
let free: u32 = NONE
let freePages: u32 = 0

/** Writes to the memory what is kept outside of it: 12 bytes. */
export function savePages(at: usize): void {
  store<u32>(at, pages)
  store<u32>(at, free, 4)
  store<u32>(at, freePages, 8)
}

/** Takes over what `savePages` has written. */
export function loadPages(at: usize): void {
  pages = load<u32>(at)
  free = load<u32>(at, 4)
  freePages = load<u32>(at, 8)
}

/** Pages that hold entries. */
export function pageCount(): u32 {
  return pages - freePages
}

/** Pages that were ever used. */
export function pagesTaken(): u32 {
  return pages
}

/** The number of an empty page. */
export function newPage(): u16 {
  if (free !== NONE) {
    const number = free
    const page = PAGES + PAGE_BYTES * <usize>number
    free = load<u32>(page)
    freePages--
    memory.fill(page, 0, PAGE_BYTES)
    return <u16>number
  }
  const end = PAGES / PAGE_BYTES + pages + 1
  if (end > <usize>memory.size() && memory.grow(PAGES_TAKEN) < 0 && memory.grow(1) < 0) throw new Error('no memory for the table')
  return <u16>(pages++)
}

/** Gives a page back. */
export function freePage(number: u16): void {
  store<u32>(PAGES + PAGE_BYTES * <usize>number, free)
  free = number
  freePages++
}
