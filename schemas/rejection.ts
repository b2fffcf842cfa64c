/** The contract for finding out what was refused: senders that never see an answer, such as beacons, cannot tell. [OPS-1] */
import { Type, type Static } from '@sinclair/typebox'
import { Instant, ref } from './primitives.ts'

/** Most rejections that are listed, of all codes together and of one, and most bytes of the list. */
export const REJECTIONS_MAX = 1000
export const REJECTIONS_MAX_OF_A_CODE = 100
export const REJECTIONS_MAX_BYTES = 1024 * 1024

/** Most characters of a pointer, and of an origin; what is longer is cut. */
export const POINTER_MAX_LENGTH = 256
export const ORIGIN_MAX_LENGTH = 300

export const Rejection = Type.Object(
  {
    time: Instant,
    status: Type.Integer({ minimum: 400, maximum: 599, description: 'The HTTP status of the problem; of an event, that of its code: 422 rejected, 503 unavailable.' }),
    code: Type.String({ description: 'The code of the problem, or of the entry of `errors`.' }),
    pointer: Type.Optional(Type.String({ maxLength: POINTER_MAX_LENGTH, description: 'Of an event: JSON Pointer to the field that was wrong, empty for the whole event; cut if it is longer.' })),
    event_id: Type.Optional(Type.String({ description: 'Of an event: its id, where it had a valid one.' })),
    key: Type.Optional(Type.String({ description: 'The key that was used, by its name, else by its list and place, such as `write#2`; absent without a known one.' })),
    origin: Type.Optional(Type.String({ maxLength: ORIGIN_MAX_LENGTH, description: 'The `Origin` of the page that sent it; cut if it is longer.' }))
  },
  { $id: 'Rejection', title: 'Rejection', description: 'An event or a request that was refused. Never what was in it.' }
)

export type Rejection = Static<typeof Rejection>

export const RejectionList = Type.Object(
  { rejections: Type.Array(ref(Rejection), { maxItems: REJECTIONS_MAX, description: 'The newest first.' }) },
  { $id: 'RejectionList', title: 'RejectionList', description: `What was refused lately, at most ${REJECTIONS_MAX.toLocaleString('en-US')} in ${REJECTIONS_MAX_BYTES >> 20} MiB and ${REJECTIONS_MAX_OF_A_CODE} of each code.` }
)

export type RejectionList = Static<typeof RejectionList>

export const RejectionQuery = Type.Object({}, { additionalProperties: false })
