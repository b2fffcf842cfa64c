/**
 * Makes shared components of what several operations of an OpenAPI document say alike: parameters and responses. Each
 * is then written once, and generators make one type of it.
 */

interface Operation {
  parameters?: object[]
  responses: Record<string, object>
}

interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { parameters?: object, responses?: object }
}

/** Names of responses by their status. */
const RESPONSE_NAMES: Readonly<Record<string, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  408: 'RequestTimeout',
  429: 'TooManyRequests',
  431: 'HeadersTooLarge',
  500: 'InternalError',
  503: 'Unavailable'
}

/** `event_type` is `EventTypeParameter`. */
function parameterName({ name }: { name?: string }): string {
  return `${name!.replaceAll(/(?:^|[-_])(\w)/g, (_, letter: string) => letter.toUpperCase())}Parameter`
}

/** One place in the document where something stands that may be shared. */
interface Occurrence {
  name: string
  holder: Record<string, object> | object[]
  key: string | number
}

/** Replaces what stands in several occurrences alike by references; of things that differ under one name, the most frequent. */
function shareAll(occurrences: readonly Occurrence[], section: string): Record<string, object> {
  const components: Record<string, object> = {}
  const byName = Map.groupBy(occurrences, ({ name }) => name)
  for (const [name, all] of byName) {
    const alike = [...Map.groupBy(all, ({ holder, key }) => JSON.stringify(Reflect.get(holder, key))).entries()]
    const [text, most] = alike.reduce((best, next) => next[1].length > best[1].length ? next : best)
    if (most.length < 2) continue
    components[name] = JSON.parse(text)
    for (const { holder, key } of most) Reflect.set(holder, key, { $ref: `#/components/${section}/${name}` })
  }
  return components
}

/** Shares the parameters and responses of a document, in place. */
export function share(document: Document): void {
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path))
  const parameters = operations.flatMap(({ parameters: holder = [] }) =>
    holder.map((parameter, key): Occurrence => ({ name: parameterName(parameter), holder, key })))
  const responses = operations.flatMap(({ responses: holder }) =>
    Object.keys(holder).filter((key) => key in RESPONSE_NAMES).map((key): Occurrence => ({ name: RESPONSE_NAMES[key], holder, key })))
  document.components.parameters = shareAll(parameters, 'parameters')
  document.components.responses = shareAll(responses, 'responses')
}
