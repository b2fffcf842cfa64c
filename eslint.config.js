import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['node_modules/', '.tap/', 'coverage/', 'data/', 'openapi/*.d.ts', 'clients/typescript/dist/'] }),
  {
    rules: {
      camelcase: 'off', // the contracts' fields are in snake case
      '@typescript-eslint/no-redeclare': 'off', // a schema and its type share one name; tsc finds real repetitions
      // Declarations read as calls do: `function name(a) {`, the shape Fastify's and TypeScript's own sources use.
      '@stylistic/space-before-function-paren': ['error', { anonymous: 'always', named: 'never', asyncArrow: 'always' }],
      '@stylistic/max-len': ['error', { code: 160, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreUrls: true, ignoreRegExpLiterals: true }]
    }
  },
  {
    files: ['dashboard/*.js'],
    rules: { 'no-undef': 'off' } // tsc knows what browsers have
  }
]
