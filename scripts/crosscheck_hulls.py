"""Claims of the hull-based complexity measure: so many units cut a small hull.  On a data network and degenerate ones.

python scripts/crosscheck_hulls.py --radius 0.2
"""

from __future__ import annotations

import sys

from crosschecking import DEGENERATE, moons, parser_of, told
from reporting import run

import exactcpa as cpa
from exactcpa.adapters.hull_complexity import claims_from_hulls
from exactcpa.adapters.sampling import random_points


def main(arguments: list[str] | None = None) -> int:
    """Measure and judge."""
    parser = parser_of(__doc__)
    parser.add_argument("--radius", type=float, default=0.1, help="of the hulls (default 0.1)")
    parser.add_argument("--points", type=int, default=20, help="hulls (default 20)")
    options = parser.parse_args(arguments)
    net, domain = moons()
    inner = cpa.Box([-1, -1], [2, 1])  # so that the hulls are in the domain
    points = random_points(inner, options.points, options.seed)
    told("moons", net, claims_from_hulls(net, domain, points, options.radius, seed=options.seed), domain)
    for name in (*DEGENERATE, "tent_map_3"):
        case = cpa.hard_cases()[name]
        low, high = case.domain.lower, case.domain.upper
        middle = [float(a + b) / 2 for a, b in zip(low, high, strict=True)]
        claims = claims_from_hulls(case.network, case.domain, [middle], options.radius, seed=options.seed)
        told(f"{name}, in the middle", case.network, claims, case.domain)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
