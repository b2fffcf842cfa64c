/** The receipt that the plain servers answer with: as many bytes as the service's, and as easily checked. */

/** A receipt of so many events. */
export function receiptOf(accepted: number, duplicates = 0) {
  return { accepted, duplicates, rejected: 0, unavailable: 0, late: 0, cursor: '0123456789ab.1234', errors: [] }
}
