#!/bin/sh
# Sends events, one JSON object a line of standard input, with curl.
# EVENT_SERVICE is the address of the service, WRITE_KEY a key if it wants one. curl sends again after 408, 429, 500, 502, 503,
# 504 and after no answer at all, and waits as Retry-After says; the ids stay the same, so nothing counts twice.
set -eu
body=$(mktemp)
trap 'rm -f "$body"' EXIT
cat > "$body"
set -- --silent --show-error --retry 10 --retry-all-errors --max-time 30 -H 'content-type: application/x-ndjson' --data-binary "@$body"
if [ -n "${WRITE_KEY:-}" ]; then set -- "$@" -H "authorization: Bearer $WRITE_KEY"; fi
while answer=$(curl "$@" "${EVENT_SERVICE:-http://localhost:8080}/events"); do
  case $answer in
    *'"unavailable":0,'*) break ;; # all counted or rejected
    *'"unavailable":'*) sleep 1 ;; # a part was not accepted: the same again
    *) break ;;                    # the request itself is wrong
  esac
done
printf '%s\n' "$answer"
case $answer in *'"accepted":'*) ;; *) exit 1 ;; esac
