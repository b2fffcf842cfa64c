/** The process: reads the settings, listens, and stops gracefully. */
import { parseArgs } from 'node:util'
import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.ts'
import { RefusedError } from './backends/backend.ts'
import { createLogger, standardOutput } from './logger.ts'
import { helpText, loadSettings, SettingsError, type Settings } from './settings.ts'

/**
 * Connections that may wait to be accepted, as far as the system allows. With Node's 511, a peer that opened a thousand at
 * once made others wait for seconds, until their system asked again.
 */
const BACKLOG = 4096

/** Says what is wrong and ends the process, before anything has begun. */
function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

function readArguments(): { help?: boolean } {
  try {
    return parseArgs({ options: { help: { type: 'boolean', short: 'h' } } }).values
  } catch (error) {
    return fail(`${(error as Error).message}\nThe only argument is --help; settings are environment variables.`)
  }
}

function readSettings(): Settings {
  try {
    return loadSettings(process.env)
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    return fail(['The settings are not valid:', ...error.mistakes.map((mistake) => `  ${mistake}`), 'Try --help.'].join('\n'))
  }
}

/** Why an address cannot be listened on, in the words of the settings. */
function describeListenError({ code, message }: NodeJS.ErrnoException, { HOST, PORT }: Settings): string {
  if (code === 'EADDRINUSE') return `Port ${PORT} on ${HOST} is taken by another process; set PORT to a free one.`
  if (code === 'EACCES') return `Port ${PORT} on ${HOST} may not be used by this user; set PORT to one above 1023.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `This machine has no address ${HOST}; set HOST to one that it has.`
  return `Cannot listen on port ${PORT} of ${HOST}: ${message}`
}

if (readArguments().help) {
  process.stdout.write(helpText())
  process.exit(0)
}

const settings = readSettings()
const logger = await createLogger(settings.LOG_LEVEL, standardOutput())
const app = await buildApp(settings, { logger, refuse: ({ message }) => fail(message) }).catch((error: unknown) => {
  if (error instanceof RefusedError) return fail(error.message)
  throw error
})

closeWithGrace({ delay: settings.SHUTDOWN_TIMEOUT * 1000, logger }, async ({ signal, err }) => {
  if (err) logger.fatal({ err }, 'stopping after an error that nobody handled')
  else logger.info({ signal }, 'stopping')
  await app.close()
  logger.info('stopped')
})

try {
  await app.listen({ port: settings.PORT, host: settings.HOST, backlog: BACKLOG })
} catch (error) {
  fail(describeListenError(error as NodeJS.ErrnoException, settings))
}
