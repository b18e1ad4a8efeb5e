#!/bin/sh
# From a bare clone to a proved and checked partition: makes .venv if there is none, then runs the demo.
set -eu
. "$(dirname -- "$0")/environment.sh"
prepare ""
exec "$python" -m exactcpa demo "$@"
