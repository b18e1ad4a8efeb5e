"""Claim of a sampler: the patterns it has seen are all there are.  Judged on a data network and on degenerate ones.

python scripts/crosscheck_sampling.py                        10,000 random points, and a grid of 100 x 100
"""

from __future__ import annotations

import sys

from crosschecking import DEGENERATE, moons, parser_of, told
from reporting import run

import exactcpa as cpa
from exactcpa.adapters.sampling import claims_from_sampling, grid_points, random_points


def main(arguments: list[str] | None = None) -> int:
    """Sample and judge."""
    parser = parser_of(__doc__)
    parser.add_argument("--samples", type=int, default=10_000, help="points (default 10,000)")
    options = parser.parse_args(arguments)
    net, domain = moons()
    per_side = round(options.samples**0.5)
    for name, points in (
        ("random points", random_points(domain, options.samples, options.seed)),
        ("grid", grid_points(domain, per_side)),
    ):
        told(f"moons, {name}", net, claims_from_sampling(net, domain, points, complete=True), domain)
    for name in (*DEGENERATE, "small_triangle_1e-06"):
        case = cpa.hard_cases()[name]
        points = random_points(case.domain, options.samples, options.seed)
        claims = claims_from_sampling(case.network, case.domain, points, complete=True)
        told(name, case.network, claims, case.domain)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
