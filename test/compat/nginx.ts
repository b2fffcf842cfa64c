/** A real nginx for tests, where there is one. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from '../../cluster/redis-process.ts'
import { missing, startProgram } from './programs.ts'

/** Why tests with nginx are skipped; false where they are not. */
export const noNginx = missing('nginx', '-v')

/** The settings of docs/access.md, which say who asked what, and let WebSockets and streams through. */
export const FORWARDED = [
  'proxy_set_header X-Forwarded-Host $http_host', 'proxy_set_header X-Forwarded-Proto $scheme', 'proxy_set_header X-Forwarded-For $remote_addr',
  'proxy_http_version 1.1', 'proxy_set_header Upgrade $http_upgrade', 'proxy_set_header Connection $connection_upgrade', 'proxy_buffering off'
]

/** Starts nginx in front of a port, all of it or what lies under a prefix; resolves with its own port when it listens. */
export async function startNginx(t: Test, upstream: number, headers: readonly string[], prefix = ''): Promise<number> {
  const directory = t.testdir({})
  const port = await freePort()
  writeFileSync(join(directory, 'nginx.conf'), `
    daemon off; worker_processes 1; user root; pid ${directory}/pid; error_log stderr;
    events {}
    http {
      access_log off;
      client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
      fastcgi_temp_path ${directory}/f; uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
      map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
      server {
        listen 127.0.0.1:${port};
        location ${prefix}/ {
          proxy_pass http://127.0.0.1:${upstream}${prefix === '' ? '' : '/'};
          ${headers.map((header) => `${header};`).join('\n          ')}
        }
      }
    }`)
  await startProgram(t, port, 'nginx', ['-c', join(directory, 'nginx.conf'), '-p', directory, '-e', 'stderr'])
  return port
}
