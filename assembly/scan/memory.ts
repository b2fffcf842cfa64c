/**
 * What lies where in the scan's memory. The host writes the tokens once and each chunk of a body; the scan writes the columns,
 * in which event `i` of a run is entry `i`, and the canonical events.
 */

/** Most events of one run. */
export const MOST_EVENTS: u32 = 1024
/** Most bytes of a body that are scanned in one go. */
export const CHUNK_BYTES: u32 = 128 << 10
/** Zeros after a chunk: no token begins with one, so nothing has to look where the chunk ends. */
export const PADDING_BYTES: u32 = 64

/** A token: its bytes, which of them count, and how many these are. */
export const TOKEN_BYTES: u32 = 48
export const MASK: usize = 16
export const LENGTH: usize = 32

/** Most types of events whose names are known to the scan. */
export const MOST_TYPES: u32 = 64

/** Most members of one object that are compared with each other. */
export const MOST_KEYS: u32 = 64
/** Deepest nesting that there is room for. */
export const DEEPEST: u32 = 64

/** Keys of the objects that are being read, by nesting level: first byte and length of each. */
export const KEYS: usize = 1024
/** Tokens of the fields' keys, of the types, and of the keys of properties that mean something. */
export const FIELDS: usize = KEYS + 8 * MOST_KEYS * (DEEPEST + 1)
export const TYPES: usize = FIELDS + 8 * TOKEN_BYTES
export const PROPERTIES: usize = TYPES + MOST_TYPES * TOKEN_BYTES

/**
 * Days that were read and days that were spelled before, each in a place that it shares with no day within a month: events are
 * of the last minutes, or of all days of some weeks by turns. Zeros are no day.
 */
export const DAY_BYTES: usize = 32
export const READ_DAYS: usize = PROPERTIES + 8 * TOKEN_BYTES
export const SPELLED_DAYS: usize = READ_DAYS + 64 * DAY_BYTES

/** The columns: what a batch holds of each event. */
export const IDS: usize = SPELLED_DAYS + 32 * DAY_BYTES
export const TIMES: usize = IDS + 16 * MOST_EVENTS
export const STARTS: usize = TIMES + 8 * MOST_EVENTS
export const ENDS: usize = STARTS + 4 * MOST_EVENTS
export const USER_STARTS: usize = ENDS + 4 * MOST_EVENTS
export const USER_ENDS: usize = USER_STARTS + 4 * MOST_EVENTS
export const INDICES: usize = USER_ENDS + 4 * MOST_EVENTS
export const EVENT_TYPES: usize = INDICES + 4 * MOST_EVENTS

/** The chunk. */
export const CHUNK: usize = EVENT_TYPES + MOST_EVENTS

/**
 * The canonical events, a comma after each. An event grows by five bytes at the most: four of a timestamp without
 * milliseconds, and the comma. What is written sixteen bytes at a time may reach into the rest of the memory.
 */
export const OUTPUT: usize = CHUNK + CHUNK_BYTES + PADDING_BYTES
export const OUTPUT_BYTES: u32 = CHUNK_BYTES + 5 * MOST_EVENTS + PADDING_BYTES
