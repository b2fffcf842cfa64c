#!/usr/bin/env bash
# Says whether the compiled scan, hash index and table of ids are what their sources compile to; ends with 1 if not.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

npm run --silent wasm:scan -- -o "$fresh/scan.wasm"
npm run --silent wasm:index -- -o "$fresh/hash-index.wasm"
npm run --silent wasm:ids -- -o "$fresh/id-table.wasm"
for file in src/ingest/scan.wasm src/backends/core/users/hash-index.wasm src/backends/core/dedup/id-table.wasm; do
  cmp "$fresh/$(basename "$file")" "$file" || { echo "$file is not what assembly/ compiles to: run npm run wasm" >&2; exit 1; }
done
