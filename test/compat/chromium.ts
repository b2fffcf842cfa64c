/** A real Chromium for tests, where there is one. */
import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'
import type { Test } from 'tap'

/**
 * Debian's two: the headless shell, which draws what a page draws at two thirds of the cost, and the whole browser, which also
 * has tabs that can be closed.
 */
const EXECUTABLES = { shell: '/usr/bin/chromium-headless-shell', browser: '/usr/bin/chromium' }

/** Without a screen, and without telling or asking anybody anything. */
const ARGUMENTS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'
]

/** Why tests in a browser are skipped; false where they are not. */
export const noChromium = Object.values(EXECUTABLES).every((path) => existsSync(path)) ? false : `there is no ${Object.values(EXECUTABLES).join(' or no ')}`

/** Starts a browser with a profile of its own. */
export function launchChromium(kind: keyof typeof EXECUTABLES = 'shell'): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLES[kind], args: ARGUMENTS, timeout: 60_000 })
}

/** The same; the test closes it. */
export async function openChromium(t: Test, kind: keyof typeof EXECUTABLES = 'shell'): Promise<Browser> {
  const browser = await launchChromium(kind)
  t.teardown(() => browser.close())
  return browser
}
