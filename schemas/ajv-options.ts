/**
 * What every Ajv here is told: these schemas are our own, and tests hold them against the meta-schema, so that no process has to
 * compile that as well. Nor is the code of a validator made shorter, which takes a fifth of the time that compiling it takes, and
 * is for code that runs often.
 */
export const OWN_SCHEMAS = { meta: false, validateSchema: false, code: { optimize: false } } as const
