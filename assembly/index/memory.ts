/**
 * What lies where in the memory of a hash index. The first part is for host and index to hand things over; the pages begin
 * after it. What is not used yet takes address space alone.
 */

/** Most keys that are handed over at a time. */
export const MOST_KEYS: u32 = 256
/** Hashes, and the numbers that are found under them. */
export const HASHES: usize = 1024
export const NUMBERS: usize = HASHES + 4 * MOST_KEYS

/** How many entries are in each page, 16 bits each; before them are the shares. */
export const SIZES: usize = 4 << 16
/** Where the entries of a page wait that splits. */
export const WAITING: usize = 6 << 16
/** The pages. */
export const PAGES: usize = 8 << 16
