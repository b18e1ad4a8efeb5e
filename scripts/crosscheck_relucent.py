"""Claims of relucent: its cells are all there are, and its dual graph.  On a data network and on degenerate ones.

    python scripts/crosscheck_relucent.py                        needs relucent: pip install relucent==1.0.0

The dual graph is about all of space, so it is judged on a box of side 2e7 round the data network.
"""

from __future__ import annotations

import sys

from crosschecking import DEGENERATE, is_missing, moons, parser_of, told
from reporting import run

import exactcpa as cpa
from exactcpa.adapters.relucent_adapter import claims_from_relucent


def main(arguments: list[str] | None = None) -> int:
    """Search and judge."""
    parser = parser_of(__doc__, "relucent")
    parser.add_argument("--seconds", type=float, default=60, help="for relucent on a network (default 60)")
    options = parser.parse_args(arguments)
    if is_missing("relucent"):
        return 2 if options.require else 0
    net, domain = moons()
    large = cpa.Box([-(10**7)] * 2, [10**7] * 2)
    for title, box, adjacent in (("moons", domain, False), ("moons, side 2e7", large, True)):
        claims, note = claims_from_relucent(net, box, seconds=options.seconds, adjacent=adjacent)
        told(f"{title} ({note or 'complete'})", net, claims, box)
    for name in (*DEGENERATE, "strip_1e-12", "scaled_rows_150"):
        case = cpa.hard_cases()[name]
        claims, note = claims_from_relucent(case.network, case.domain, seconds=options.seconds)
        told(f"{name} ({note or 'complete'})", case.network, claims, case.domain)
    return 0


if __name__ == "__main__":  # relucent's worker process imports this file
    sys.exit(run(main))
