/**
 * What every Ajv here is told: these schemas are our own, and tests hold them against the meta-schema, so that no process has to
 * compile that as well.
 */
export const OWN_SCHEMAS = { meta: false, validateSchema: false } as const
