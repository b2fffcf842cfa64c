/** What a journal has to say to whoever runs it. */
export type JournalReport =
  | { type: 'replaying', events: number, total: number }
  /** So many events were read, and so many more were counted by a checkpoint. */
  | { type: 'replayed', events: number, checkpointed: number, seconds: number }
  /** So many events more are counted by a checkpoint. */
  | { type: 'checkpoint', events: number, bytes: number, seconds: number }
  /** The clock is over an hour from the newest events, so nothing is forgotten for an hour. [TIME-4] */
  | { type: 'cautious' }
  | { type: 'failed', detail: string }
  | { type: 'recovered' }
  | { type: 'warning', detail: string }
