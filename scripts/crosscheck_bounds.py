"""Claims of interval bound propagation: no output leaves its bounds.  On a data network and on degenerate ones.

python scripts/crosscheck_bounds.py                          auto_LiRPA's bounds, too, where it is installed
"""

from __future__ import annotations

import sys

import numpy as np
from crosschecking import DEGENERATE, is_missing, moons, parser_of, told
from reporting import run

import exactcpa as cpa
from exactcpa.adapters.interval_bounds import claims_from_bounds, interval_bounds, lirpa_bounds


def main(arguments: list[str] | None = None) -> int:
    """Propagate and judge."""
    options = parser_of(__doc__, "auto_LiRPA").parse_args(arguments)
    has_lirpa = not is_missing("torch", "auto_LiRPA")
    if options.require and not has_lirpa:
        return 2
    net, domain = moons()
    instances = [("moons", net, domain)]
    for name in (*DEGENERATE, "tent_map_7"):
        case = cpa.hard_cases()[name]
        instances.append((name, case.network, case.domain))
    for name, network, where in instances:
        for dtype in (np.float64, np.float32):
            bounds = interval_bounds(network, where, dtype)
            told(f"{name}, {dtype.__name__}", network, claims_from_bounds(network, where, bounds), where)
        if has_lirpa:
            claims = claims_from_bounds(network, where, lirpa_bounds(network, where), tool="auto_LiRPA")
            told(f"{name}, auto_LiRPA", network, claims, where)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
