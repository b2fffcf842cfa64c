#!/usr/bin/env bash
# Builds the images and runs the service from them without a Docker daemon: the Dockerfiles and build.sh are used as they
# are, with buildah as the builder, over a stand-in for the official Node image made of a bare Debian and the node binary
# that npm installed. Needs root, buildah, debootstrap, curl and the network, and a few minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

for command in buildah debootstrap curl npm; do
  command -v "$command" > /dev/null || { echo "$command is not installed; on Debian: apt-get install buildah debootstrap curl npm" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo 'run this as root: debootstrap and chroot need it' >&2; exit 1; }
[ -x node_modules/node/bin/node ] || { echo 'run npm ci first: the node binary is taken from there' >&2; exit 1; }

work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill -KILL "$server" 2> /dev/null || true
  b rm --all > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

b() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

# The node process somewhere below another one.
node_below() {
  local child
  for child in $(pgrep -P "$1"); do
    if [ "$(readlink "/proc/$child/exe" | xargs basename)" = node ]; then echo "$child"; else node_below "$child"; fi
  done
}

step() { printf '\n== %s\n' "$*"; }
check() {
  local what=$1
  shift
  if "$@"; then echo "ok      $what"; else echo "FAILED  $what" >&2; exit 1; fi
}

base=$(sed -n 's/^ARG NODE_IMAGE=//p' Dockerfile)
check 'both Dockerfiles name the same base' [ "$base" = "$(sed -n 's/^ARG NODE_IMAGE=//p' Dockerfile.deps)" ]

step "a stand-in for $base"
rootfs=$work/rootfs
debootstrap --variant=minbase --include=libatomic1 bookworm "$rootfs" > "$work/debootstrap.log" 2>&1 || { tail -20 "$work/debootstrap.log" >&2; exit 1; }
cp node_modules/node/bin/node "$rootfs/usr/local/bin/node"
mkdir -p "$rootfs/usr/local/lib/node_modules" "$rootfs/usr/local/etc" "$rootfs/etc/ssl/certs"
cp -rL "$(npm root --global)/npm" "$rootfs/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$rootfs/usr/local/bin/npm"
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then # this machine's certificates, so that a proxy with its own is trusted
  cp /etc/ssl/certs/ca-certificates.crt "$rootfs/etc/ssl/certs/"
  echo 'cafile=/etc/ssl/certs/ca-certificates.crt' > "$rootfs/usr/local/etc/npmrc"
fi
printf '#!/bin/sh\nexec "$@"\n' > "$rootfs/usr/local/bin/docker-entrypoint.sh"
chmod +x "$rootfs/usr/local/bin/docker-entrypoint.sh"
chroot "$rootfs" groupadd --gid 1000 node
chroot "$rootfs" useradd --uid 1000 --gid node --create-home node
container=$(b from scratch)
b add --quiet "$container" "$rootfs" / > /dev/null
b config --entrypoint '["docker-entrypoint.sh"]' --cmd node "$container"
b commit --quiet --format docker "$container" "docker.io/library/$base" > /dev/null
b rm "$container" > /dev/null
rm -rf "$rootfs"

cat > "$work/builder" << EOF
#!/bin/sh
shift
exec buildah --root '$work/storage' --runroot '$work/run' --storage-driver vfs build --isolation chroot --format docker --pull-never "\$@"
EOF
chmod +x "$work/builder"

step 'docker build .'
"$work/builder" build -t one-step .

step './build.sh'
BUILDER=$work/builder ./build.sh

step 'what the image says'
image() { b inspect --type image --format "{{$1}}" event-processing-service; }
config() { b inspect --type image --format '{{with .Docker.Config}}{{.User}} {{.WorkingDir}} {{.Entrypoint}} {{.Cmd}} {{.Env}} {{.ExposedPorts}} {{.Volumes}} {{.Healthcheck.Test}}{{end}}' "$1"; }
config event-processing-service
echo
check 'both ways of building make the same image' [ "$(config one-step)" = "$(config event-processing-service)" ]
check 'it does not run as root' [ "$(image .Docker.Config.User)" = node ]
check 'the command is in exec form' [ "$(image .Docker.Config.Cmd)" = '[node src/server.ts]' ]
check 'it has a health check' [ "$(image '(index .Docker.Config.Healthcheck.Test 0)')" = CMD ]
check 'it exposes 8080' [ "$(image .Docker.Config.ExposedPorts)" = 'map[8080/tcp:{}]' ]
check '/data is a volume' [ "$(image .Docker.Config.Volumes)" = 'map[/data:{}]' ]

container=$(b from --pull-never event-processing-service)
port=$(node -e 'const s = net.createServer().listen(0, () => { console.log(s.address().port); s.close() })')
url=http://127.0.0.1:$port
in_container() { b run --isolation chroot --env "PORT=$port" "$container" -- "$@"; }
check 'no package of development is in it' in_container node -e \
  'for (const name of ["node", "tap", "typescript", "c8"]) if (fs.existsSync("node_modules/" + name)) throw new Error(name)'
check 'nothing but the service is in it' [ "$(in_container ls /app | tr '\n' ' ')" = 'clients dashboard node_modules package.json schemas src ' ]
check '/data can be written' in_container node -e 'fs.writeFileSync("/data/probe", ""); fs.rmSync("/data/probe")'
check '/app cannot be written' in_container node -e 'try { fs.writeFileSync("/app/probe", "") } catch { process.exit(0) } process.exit(1)'

step 'the service runs'
readarray -t healthcheck < <(b inspect --type image --format '{{range .Docker.Config.Healthcheck.Test}}{{println .}}{{end}}' event-processing-service | sed '1d;/^$/d')
if in_container "${healthcheck[@]}" 2> /dev/null; then healthy=yes; else healthy=no; fi
check 'the health check fails while nothing runs' [ "$healthy" = no ]
start_service() { # with these options of `buildah run`
  b run --isolation chroot --env "PORT=$port" "$@" "$container" -- docker-entrypoint.sh node src/server.ts > "$work/server.log" 2>&1 &
  run=$!
  curl -sS --retry 300 --retry-delay 0 --retry-all-errors --retry-max-time 30 -o /dev/null "$url/health/ready" 2> /dev/null || { cat "$work/server.log" >&2; exit 1; }
  server=$(node_below "$run")
}
stop_service() {
  local started=$SECONDS status=0
  kill -TERM "$server"
  wait "$run" || status=$?
  server=
  check "SIGTERM ends it with status 0 within 10 s (status $status after $((SECONDS - started)) s)" test "$status" -eq 0 -a $((SECONDS - started)) -le 10
}
send_signup() {
  curl -sS "$url/events" -H 'content-type: application/json' \
    -d "{\"event_id\":\"$(node -p 'crypto.randomUUID()')\",\"user_id\":\"ada\",\"event_type\":\"signup\",\"timestamp\":\"$(date -u +%FT%TZ)\"}"
  echo
}
signups() { curl -sS "$url/analytics/summary?window=1h" | node -p 'JSON.parse(fs.readFileSync(0)).events_by_type.signup'; }

start_service
check 'the process is not root' [ "$(awk '/^Uid:/ { print $2 }' "/proc/$server/status")" = 1000 ]
check 'the health check passes' in_container "${healthcheck[@]}"
curl -sS "$url/health"
echo
send_signup
check 'an event is counted' [ "$(signups)" = 1 ]
check 'the docs are served' curl -sSf -o /dev/null "$url/docs/"
check 'the client is served' curl -sSf -o /dev/null "$url/client.js"
stop_service

step 'the journal in /data'
start_service --env STORE=journal
send_signup
stop_service
start_service --env STORE=journal
check 'the event is still there after a restart' [ "$(signups)" = 1 ]
stop_service
check 'what is intact of it can be copied' in_container npm run --silent salvage -- /data /tmp/saved

printf '\nThe image is sound.\n'
