#!/bin/sh
# From a bare clone to the whole test suite: makes .venv if there is none, lints, then runs the tests.
# Arguments go to pytest:  sh scripts/test.sh -m "slow or not slow"
set -eu
. "$(dirname -- "$0")/environment.sh"
prepare dev
cd "$repository"
status=0
"$python" -m ruff check --quiet . || status=1
"$python" -m pytest "$@" || status=$?
exit $status
