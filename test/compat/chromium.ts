/** A real Chromium for tests, where there is one. */
import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'
import type { Test } from 'tap'

/** Debian's. The shell draws without a screen's compositor and needs two thirds of the time. */
const EXECUTABLE = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))

/** Without a screen, and without telling or asking anybody anything. */
const ARGUMENTS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'
]

/** Why tests in a browser are skipped; false where they are not. */
export const noChromium = EXECUTABLE === undefined && 'there is no Chromium in /usr/bin'

/** Starts a browser with a profile of its own. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS, timeout: 60_000 })
}

/** The same; the test closes it. */
export async function openChromium(t: Test): Promise<Browser> {
  const browser = await launchChromium()
  t.teardown(() => browser.close())
  return browser
}
