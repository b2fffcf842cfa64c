/** Two columns beside a batch, for the call in which the core takes it: what finds each event's user. */

/** Grows to the largest batch it has seen. */
export class UserColumns {
  /** Keyed hash of the user id. */
  hashes = new Int32Array(0)
  /** The user's number, or -1. */
  users = new Int32Array(0)

  /** Makes the columns long enough for the events of a batch, whose values the caller writes. */
  reserve(events: number): void {
    if (events <= this.users.length) return
    const length = Math.max(1024, 2 * this.users.length, events)
    this.hashes = new Int32Array(length)
    this.users = new Int32Array(length)
  }
}
