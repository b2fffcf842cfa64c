/**
 * Whose each hash is. Hashes are divided into shares, and each owner, a page or a group of pages, has some that lie side by side.
 * An owner that is full gives half of its shares to a new one, and nothing else changes.
 */

/** The number of each share's owner, 16 bits each; three shares at first, and room for 98,304. */
export const SHARES: usize = 1 << 16
const MOST_SHIFT: u64 = 32
const LEAST_SHIFT: u64 = 17

/** Bits of a share's number that are left out for now. */
let shift: u64 = MOST_SHIFT

/** Writes to the memory what is kept outside of it: 8 bytes. */
export function saveShares(at: usize): void {
  store<u64>(at, shift)
}

/** Takes over what `saveShares` has written. */
export function loadShares(at: usize): void {
  shift = load<u64>(at)
}

/**
 * The share of a hash, by its upper 32 bits. The last share is twice as large as the first, and those between lie evenly between,
 * so that owners do not fill all at the same time: at every moment there is one that is full next.
 */
function shareOf(hash: u64): usize {
  // x (4 - x), with 0 to 1 as 32 bits: its slope falls from 4 to 2, so as many hashes rise half as far at the end.
  const x = hash >> 32
  return SHARES + 2 * <usize>((x << 2) - (x * x >> 32) >> shift)
}

/** The number of the owner of a hash. */
export function ownerOf(hash: u64): u32 {
  return load<u16>(shareOf(hash))
}

/** Gives half of the shares of a hash's owner to another. */
export function giveHalf(hash: u64, other: u32): void {
  const owner = ownerOf(hash)
  let from = shareOf(hash)
  while (from > SHARES && load<u16>(from - 2) === owner) from -= 2
  let to = from
  while (to < end() && load<u16>(to) === owner) to += 2
  if (to - from === 2) {
    double()
    from = SHARES + 2 * (from - SHARES)
    to = from + 4
  }
  for (let share = from + (to - from >>> 2 << 1); share < to; share += 2) store<u16>(share, <u16>other)
}

function end(): usize {
  return SHARES + 2 * (3 << <usize>(MOST_SHIFT - shift))
}

/** Each share becomes two. */
function double(): void {
  if (shift === LEAST_SHIFT) throw new Error('there are no more shares')
  for (let share = end(); share > SHARES;) {
    share -= 2
    store<u32>(SHARES + 2 * (share - SHARES), <u32>load<u16>(share) * 0x10001)
  }
  shift--
}
