/** The limits of the event schema, which the host sets once. */

/** Largest event, in bytes. */
export let eventMaxBytes: u32 = 0
/** Longest user id, in characters. */
export let userIdMaxLength: u32 = 0
/** Deepest nesting of properties. */
export let propertiesMaxDepth: u32 = 0
/** How many types of events there are. */
export let typeCount: u32 = 0

/** Sets them all. */
export function setLimits(eventBytes: u32, userIdLength: u32, propertiesDepth: u32, types: u32): void {
  eventMaxBytes = eventBytes
  userIdMaxLength = userIdLength
  propertiesMaxDepth = propertiesDepth
  typeCount = types
}
