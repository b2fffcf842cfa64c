/**
 * What live delivery needs of a transport. The routes implement it over a WebSocket and over an HTTP response, so that
 * nothing in here knows either, and tests stand in for a peer that is slow, gone or silent.
 */

/** Where the bytes for one peer go. */
export interface Outlet {
  /** Hands over one whole frame. `sent` is called once, later, when the bytes have left this process or never will. */
  send(bytes: Buffer, sent: () => void): void
  /** Bytes handed over that have not left this process. */
  readonly buffered: number
  /** Says goodbye and ends; what was handed over goes first. */
  close(code: number, reason: string): void
  /** Ends at once. */
  terminate(): void
}

/** A peer that also speaks. */
export interface Connection extends Outlet {
  /** Bytes that came from the peer so far, of whatever kind: a sign of life. */
  readonly received: number
  /** Stops reading from the peer, so that it is held back by its own full socket. */
  pause(): void
  resume(): void
  /** Asks for a sign of life. */
  ping(): void
}

/** Why a connection is closed, as WebSocket close codes (RFC 6455 section 7.4.1). [LIVE-5] */
export const CloseCode = {
  Shutdown: 1001,
  Binary: 1003,
  Policy: 1008,
  InternalError: 1011
} as const
