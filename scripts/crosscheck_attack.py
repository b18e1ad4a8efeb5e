"""Claims of a PGD attack: adversarial points, and robustness where it fails.  On a data network and a degenerate one.

python scripts/crosscheck_attack.py                          needs torch: pip install torch==2.13.0
"""

from __future__ import annotations

import sys

from crosschecking import is_missing, moons, parser_of, told
from reporting import run

import exactcpa as cpa
from exactcpa.adapters.attacks import claims_from_attack
from exactcpa.adapters.float_network import to_torch
from exactcpa.adapters.sampling import random_points


def main(arguments: list[str] | None = None) -> int:
    """Attack and judge."""
    parser = parser_of(__doc__, "torch")
    parser.add_argument("--points", type=int, default=10, help="points that are attacked (default 10)")
    options = parser.parse_args(arguments)
    if is_missing("torch"):
        return 2 if options.require else 0
    net, domain = moons()
    case = cpa.hard_cases()["tent_map_7"]
    tent = with_two_outputs(case.network)
    for name, network, where in (("moons", net, domain), ("tent_map_7", tent, case.domain)):
        points = random_points(where, options.points, options.seed)
        for dtype in ("float64", "float32"):
            claims = claims_from_attack(
                network, where, points, to_torch(network, dtype), robust=True, seed=options.seed
            )
            told(f"{name}, {dtype}", network, claims, where)
    return 0


def with_two_outputs(net: cpa.Network) -> cpa.Network:
    """A network of one output f as one of two classes: f and 1/2."""
    *body, last = net.layers
    zero = [0] * len(last.weight[0])
    return cpa.Network(net.input, (*body, cpa.Linear([*last.weight, zero], [*last.bias, "1/2"])))


if __name__ == "__main__":
    sys.exit(run(main))
