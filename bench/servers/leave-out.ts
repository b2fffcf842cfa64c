/**
 * The application as it is, but without what one of its plugins does at each request, so that the difference to the
 * whole one is what the plugin costs. The argument is the name of a plugin's file, `logging`, or `nothing`; with
 * `--list` it prints the names of all plugins that do something at each request.
 */
import { subscribe } from 'node:diagnostics_channel'
import { basename } from 'node:path'
import { getCallSites } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { buildApp } from '../../src/app.ts'
import { createLogger, standardOutput } from '../../src/logger.ts'
import { loadSettings } from '../../src/settings.ts'

/** The hooks that run at each request, and the one by which plugins add such hooks to routes. */
const REQUEST_HOOKS = new Set([
  'onRoute', 'onRequest', 'preParsing', 'preValidation', 'preHandler', 'preSerialization', 'onSend', 'onResponse', 'onError'
])

const part = process.argv[2]
const plugins = new Set<string>()

/** The plugin whose code has called: the first script on the stack that is neither this one nor Fastify's. */
function callingPlugin(): string {
  const scripts = getCallSites().map((site) => site.scriptName)
  const script = scripts.find((name) => name !== import.meta.url && !name.includes('/node_modules/fastify/')) ?? ''
  return /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(script)?.[1] ?? basename(script, '.ts')
}

subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: FastifyInstance }
  const addHook = fastify.addHook as (this: unknown, name: string, hook: unknown) => FastifyInstance
  fastify.addHook = function (this: FastifyInstance, name: string, hook: unknown) {
    if (REQUEST_HOOKS.has(name)) {
      const plugin = callingPlugin()
      plugins.add(plugin)
      if (plugin === part) return this
    }
    return addHook.call(this, name, hook)
  } as FastifyInstance['addHook']
})

const settings = loadSettings(process.env)
const logger = part === 'logging' ? undefined : await createLogger(settings.LOG_LEVEL, standardOutput())
const app = await buildApp(settings, { logger })
if (part === '--list') {
  await app.ready()
  await app.close()
  process.stdout.write(JSON.stringify([...plugins]))
} else {
  await app.listen({ port: settings.PORT, host: settings.HOST })
}
