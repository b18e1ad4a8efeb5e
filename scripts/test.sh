#!/bin/sh
# From a bare clone to the tests that take no minutes: makes .venv if there is none, lints, then runs the tests.
# Arguments go to pytest:  sh scripts/test.sh -m "slow or not slow" --hypothesis-profile thorough  for all there is.
# One process a core (-n 0 for one in all); the kernels are compiled first, for processes that compile the same at once
# get in each other's way.
set -eu
. "$(dirname -- "$0")/environment.sh"
prepare dev
cd "$repository"
status=0
"$python" -m ruff check --quiet . || status=1
"$python" - <<'END' &
import exactcpa as cpa
from exactcpa.kernels.loaded import load_kernels

load_kernels(groups=True)
load_kernels(groups=True, method="vertex", dimension=5)
cpa.margin(cpa.load_network("data/networks/moons.json"), [0, 0], cpa.Box([-1, -1], [1, 1]))
END
"$python" - <<'END'
from exactcpa.kernels.loaded import load_kernels

for dimension in 2, 3, 4:
    load_kernels(groups=True, method="vertex", dimension=dimension)
END
wait
"$python" -m pytest -n auto "$@" || status=$?
exit $status
