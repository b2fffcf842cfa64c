#!/usr/bin/env bash
# Builds event-processing-service in two steps: the dependencies, then the service over them.
# BUILDER names another program that understands `build -t -f --build-arg`, such as podman.
set -euo pipefail
cd "$(dirname "$0")"

builder=${BUILDER:-docker}
"$builder" build -t event-processing-service-dependencies -f Dockerfile.deps .
"$builder" build -t event-processing-service --build-arg DEPENDENCIES=event-processing-service-dependencies .
