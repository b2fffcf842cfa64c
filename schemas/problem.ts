/** The one shape of every error answer: problem details as RFC 9457 has them. */
import { Type, type Static } from '@sinclair/typebox'
import { EventError, receiptFields } from './receipt.ts'
import { ref } from './primitives.ts'

const problemFields = {
  type: Type.String({ description: '`/problems/<code>`; it can be opened.', format: 'uri-reference' }),
  title: Type.String({ description: 'The kind of problem, the same for every one of its code.' }),
  status: Type.Integer({ minimum: 400, maximum: 599, description: 'The HTTP status.' }),
  code: Type.String({ title: 'ProblemCode', description: 'The kind of problem, for programs; more codes may come.' }),
  detail: Type.String({ description: 'What was wrong with this request, for people.' }),
  request_id: Type.String({ description: 'The id of this request, also in `x-request-id` and in the log.' })
}

export const Problem = Type.Object(
  { ...problemFields, errors: Type.Optional(Type.Array(ref(EventError))) },
  { $id: 'Problem', title: 'Problem', description: 'RFC 9457 problem details.' }
)

export type Problem = Static<typeof Problem>

export const ReceiptProblem = Type.Object(
  { ...problemFields, ...receiptFields },
  { $id: 'ReceiptProblem', title: 'ReceiptProblem', description: 'Problem details together with the receipt of the request.' }
)

export type ReceiptProblem = Static<typeof ReceiptProblem>

export const UnavailableProblem = Type.Object(
  { ...problemFields, ...Type.Partial(Type.Object(receiptFields)).properties },
  {
    $id: 'UnavailableProblem',
    title: 'UnavailableProblem',
    description: 'Problem details of a request that may be sent again, together with its receipt where the events were looked at.'
  }
)

export type UnavailableProblem = Static<typeof UnavailableProblem>

export const ProblemKind = Type.Object(
  {
    code: problemFields.code,
    title: Type.Optional(problemFields.title),
    status: Type.Optional(problemFields.status),
    meaning: Type.Optional(Type.String({ description: 'What the code means of a whole request, if it occurs there, and what to do.' })),
    event: Type.Optional(Type.String({ description: 'What the code means in the `errors` of a receipt, if it occurs there.' })),
    retry: Type.Boolean({ description: 'Whether the same may be sent again, unchanged and with the same ids.' }),
    example: Type.Optional(Type.Unsafe<Problem>({ ...ref(Problem), description: 'A request so answered.' })),
    event_example: Type.Optional(Type.Unsafe<EventError>({ ...ref(EventError), description: 'An entry of a receipt.' }))
  },
  { $id: 'ProblemKind', title: 'ProblemKind', description: 'What a code means, for whoever opens the `type` of a problem.' }
)

export type ProblemKind = Static<typeof ProblemKind>

export const ProblemList = Type.Object(
  { problems: Type.Array(ref(ProblemKind)) },
  { $id: 'ProblemList', title: 'ProblemList', description: 'Every code there is.' }
)

export type ProblemList = Static<typeof ProblemList>
