/**
 * The newest events, and of those that match a filter the few that there is time to show. Nothing is shown twice; what is
 * left out is counted.
 */

/** @import { Event } from '../schemas/index.ts' */

/** Events that are kept to look through when the filter changes. */
export const KEPT = 2000

export class Tail {
  type = ''
  user = ''
  /** Matching events since the last `drain`. */
  matched = 0
  /** The newest events, oldest first, in a ring. @type {Event[]} */
  #kept = []
  #next = 0
  /** The newest matching ones since the last `drain`. @type {Event[]} */
  #fresh = []
  #room

  /** @param {number} room most events that one `drain` returns */
  constructor(room) {
    this.#room = room
  }

  /** @param {readonly Event[]} events in order of arrival */
  push(events) {
    for (const event of events) {
      this.#kept[this.#next] = event
      this.#next = (this.#next + 1) % KEPT
      if (!this.matches(event)) continue
      this.matched++
      this.#fresh[this.matched % this.#room] = event
    }
  }

  /** @param {Event} event */
  matches({ event_type: type, user_id: user }) {
    return (this.type === '' || this.type === type) && (this.user === '' || user.toLowerCase().includes(this.user))
  }

  /**
   * Changes the filter. Returns the newest kept events that match it, newest first.
   * @param {string} type empty for all
   * @param {string} user a part of the name of the user, in whatever case; empty for all
   * @param {number} limit
   */
  filter(type, user, limit) {
    this.type = type
    this.user = user.toLowerCase()
    this.drain()
    return this.newest(limit)
  }

  /**
   * The newest kept events that match, newest first.
   * @param {number} limit
   */
  newest(limit) {
    const found = []
    for (let i = 1; i <= this.#kept.length && found.length < limit; i++) {
      const event = this.#kept[(this.#next - i + KEPT) % KEPT]
      if (this.matches(event)) found.push(event)
    }
    return found
  }

  /** The newest matching events since the last call, oldest first, at most as many as there is room for. */
  drain() {
    const count = Math.min(this.matched, this.#room)
    const drained = []
    for (let i = this.matched - count + 1; i <= this.matched; i++) drained.push(this.#fresh[i % this.#room])
    this.matched = 0
    return drained
  }

  clear() {
    this.#kept = []
    this.#next = 0
    this.matched = 0
  }
}
