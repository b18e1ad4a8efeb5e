"""Claims of torch's autograd: its Jacobians are the network's affine maps.  On a data network and on degenerate ones.

    python scripts/crosscheck_autograd.py                        needs torch: pip install torch==2.13.0

On degenerate networks the points lie on the hyperplanes, where autograd makes a choice of its own for every unit.
"""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
from crosschecking import is_missing, moons, parser_of, told
from reporting import run

import exactcpa as cpa
from exactcpa.adapters.autograd import claims_from_autograd
from exactcpa.adapters.sampling import random_points

ROUNDING = {"float64": Fraction(1, 10**9), "float32": Fraction(1, 10**4)}
"""How far off the entries are said to be."""


def main(arguments: list[str] | None = None) -> int:
    """Differentiate and judge."""
    options = parser_of(__doc__, "torch").parse_args(arguments)
    if is_missing("torch"):
        return 2 if options.require else 0
    net, domain = moons()
    points = random_points(domain, 100, options.seed)
    for dtype, rounding in ROUNDING.items():
        claims = claims_from_autograd(net, domain, points, dtype=dtype, tolerance=rounding)
        told(f"moons, {dtype}, 100 points", net, claims, domain)
    for name in ("negated_pairs_affine", "negated_pairs_abs", "duplicates_that_cancel", "crelu_2_8_8"):
        case = cpa.hard_cases()[name]
        on_lines = np.array([[0.0, 0.5], [0.5, 0.0], [0.0, 0.0]])
        claims = claims_from_autograd(case.network, case.domain, on_lines, tolerance=ROUNDING["float64"])
        told(f"{name}, points on hyperplanes", case.network, claims, case.domain)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
