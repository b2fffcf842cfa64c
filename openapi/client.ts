/** A typed client of the service, made from its OpenAPI document: `npm run sdk` makes the types anew. */
import createClient, { type Client } from 'openapi-fetch'
import type { paths } from './types.d.ts'

/** What can be asked of the service, each address with its parameters and answers. */
export type EventClient = Client<paths>

/**
 * Makes a client.
 * @param baseUrl where the service is, such as `http://localhost:8080`
 * @param key needed only where the service has keys
 */
export function createEventClient(baseUrl: string, key?: string): EventClient {
  return createClient<paths>({ baseUrl, headers: key === undefined ? {} : { authorization: `Bearer ${key}` } })
}
