/**
 * What lies where in the memory of an id table. The first part is for host and table to hand things over; the pages begin
 * after it. What is not used yet takes address space alone.
 */

/** Most ids that are handed over at a time. */
export const MOST_IDS: u32 = 256
/** Two random 64-bit numbers, by which ids are hashed. */
export const KEY: usize = 1024
/** Where `save` writes what is kept outside of the memory, for a copy of it to be a whole table: 32 bytes. */
export const STATE: usize = 2048
/** Ids, 16 bytes each. */
export const IDS: usize = 4096
/** Their hashes, 16 bytes each: the remainder, then the rest. */
export const HASHES: usize = IDS + 16 * MOST_IDS
/** What became of each, a byte. */
export const FATES: usize = HASHES + 16 * MOST_IDS

/** The first line of each, 32 bits each. */
export const LINES: usize = 1 << 14
/** By which page of a group an entry finds its line: a row for each number of pages. */
export const PICKS: usize = LINES + 4 * MOST_IDS
/** The groups, 32 bytes each; before them are the shares. */
export const GROUPS: usize = 4 << 16
/** Where entries wait while a group grows. */
export const WAITING: usize = 12 << 16
export const WAITING_BYTES: usize = 24
export const MOST_WAITING: u32 = (1 << 16) / <u32>WAITING_BYTES
/** The pages. */
export const PAGES: usize = 13 << 16

export const PAGE_BYTES: usize = 1 << 16
