/** What the page asks the service over HTTP, with the key if there is one. */

/** An answer that is not a success. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 if there was no answer
   * @param {string} code of the problem; empty if the answer was none
   * @param {string} detail
   */
  constructor(status, code, detail) {
    super(detail)
    this.status = status
    this.code = code
  }
}

export class Api {
  /** The address of the service, with whatever prefix a proxy has put before it. */
  base = new URL('.', document.baseURI)
  key = ''

  /**
   * @param {string} path
   * @param {Record<string, string | readonly string[]>} [query]
   * @returns {Promise<any>}
   * @throws ApiError
   */
  async get(path, query = {}) {
    const url = new URL(path, this.base)
    for (const [name, value] of Object.entries(query)) for (const item of [value].flat()) url.searchParams.append(name, item)
    /** @type {Record<string, string>} */
    const headers = this.key === '' ? {} : { authorization: `Bearer ${this.key}` }
    /** @type {Response} */
    let answer
    try {
      answer = await fetch(url, { headers, cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout(20_000) })
    } catch {
      throw new ApiError(0, '', 'the service cannot be reached')
    }
    const body = await answer.json().catch(() => ({}))
    if (!answer.ok) throw new ApiError(answer.status, String(body.code ?? ''), String(body.detail ?? answer.statusText))
    return body
  }
}
