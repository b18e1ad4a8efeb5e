"""Claims of a polygon lister: these polygons are the cells of the plane.  On a data network and on degenerate ones.

    python scripts/crosscheck_polygons.py --tolerance 0

The lister is the float clipping of `exactcpa/adapters/polygons.py`; polygons of any other tool are judged alike.
"""

from __future__ import annotations

import sys
from fractions import Fraction

from crosschecking import DEGENERATE, moons, parser_of, told
from reporting import run

import exactcpa as cpa
from exactcpa.adapters.polygons import claims_from_polygons, clip

ROUNDING = Fraction(1, 10**9)
"""How far off the vertices are said to be."""


def main(arguments: list[str] | None = None) -> int:
    """Clip and judge."""
    parser = parser_of(__doc__)
    parser.add_argument("--tolerance", type=float, default=1e-9, help="of the clipping (default 1e-9)")
    options = parser.parse_args(arguments)
    net, domain = moons()
    plane = [("moons", net, domain)]
    for name in (*DEGENERATE, "strip_1e-12", "bn_negated_5"):
        case = cpa.hard_cases()[name]
        plane.append((name, case.network, case.domain))
    for name, network, where in plane:
        found = clip(network, where, tolerance=options.tolerance)
        claims = claims_from_polygons(
            network, where, found.polygons, patterns=found.patterns, tolerance=ROUNDING
        )
        told(name, network, claims, where)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
