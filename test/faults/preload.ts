/**
 * Libraries in C that are loaded into a process before everything else, so that the system it sees is one that a test
 * made. They are compiled when they are needed; where no C compiler is, they cannot be.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** The sources in this folder. */
export type PreloadName = 'clock' | 'disk'

/** Why nothing can be preloaded here; undefined where it can. Tests skip with this reason. */
export function preloadObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'preloading is made for Linux'
  return spawnSync('cc', ['--version']).status === 0 ? undefined : 'there is no C compiler (cc)'
}

/**
 * Compiles a library into a folder, in about 0.2 s. Returns the path that goes into `LD_PRELOAD`; several are separated by colons.
 * @throws Error with the compiler's words
 */
export function compilePreload(name: PreloadName, folder: string): string {
  const library = join(folder, `${name}.so`)
  const source = join(import.meta.dirname, `${name}.c`)
  const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, source, '-ldl', '-lpthread'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${source} cannot be compiled: ${stderr}`)
  return library
}
