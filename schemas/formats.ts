/** Formats of strings that only this service knows, and what documents say in their place, so that every generator understands them. */
const PUBLIC_FORMATS: Readonly<Record<string, string | undefined>> = {
  'event-timestamp': 'date-time',
  'user-id': undefined // the description says it
}

/** What a document calls a format; undefined if it does not name it. */
export function publicFormat(format: string): string | undefined {
  return format in PUBLIC_FORMATS ? PUBLIC_FORMATS[format] : format
}
