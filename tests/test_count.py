"""Counting without keeping: the counts of the full enumeration and of hand, in any number of processes."""

import json
import subprocess
import sys
from fractions import Fraction
from math import comb
from pathlib import Path

import pytest
from degenerate import CASES
from sparing import some

import exactcpa as cpa
from exactcpa import count_maps
from exactcpa.cli import main
from exactcpa.count import count_in_steps
from exactcpa.groups import Listed

NETWORKS = Path(__file__).resolve().parent.parent / "data" / "networks"


def box(d):
    return cpa.Box([-1] * d, [1] * d)


def read(case):
    return cpa.network_from_json(case.network), cpa.domain_from_json(case.domain)


@pytest.mark.parametrize("name", CASES)
def test_counts_by_hand(name):
    """The degenerate cases, whose counts were worked out by hand."""
    case = CASES[name]
    net, dom = read(case)

    count = cpa.count_cells(net, dom, facets=True)

    assert (count.cells, count.edges) == (case.cells, case.edges)
    assert count.complete
    assert count.records > 0


@pytest.mark.parametrize("name", some((name for name, case in CASES.items() if case.cells <= 40), 50))
def test_volumes_and_maps(name):
    net, dom = read(CASES[name])
    part = cpa.enumerate_cells(net, dom)

    count = cpa.count_cells(net, dom, volume=True, maps=True)

    assert count.volume == sum(part.volumes(), Fraction(0))
    assert count.affine_maps_at_least == part.distinct_affine_maps()
    assert count.edges is None


@pytest.mark.parametrize(("units", "d"), [(6, 2), (7, 3), (6, 4)])
def test_arrangements_in_general_position(units, d):
    """All planes ``x_1 + a x_2 + a^2 x_3 .. = a^d`` with small a > 0 cross within a large box."""
    rows = [[Fraction(a) ** k for k in range(d)] for a in range(1, units + 1)]
    net = cpa.Network(d, (cpa.Linear(rows, [-(Fraction(a) ** d) for a in range(1, units + 1)]), cpa.ReLU()))

    count = cpa.count_cells(net, cpa.Box([-(10**6)] * d, [10**6] * d))

    assert count.cells == sum(comb(units, i) for i in range(d + 1))


@pytest.mark.parametrize("name", ["random_2_16_16", "zero_bias_2_16_16", "integer_3_16_16"])
def test_several_processes(name):
    net = cpa.load_network(NETWORKS / f"{name}.json")
    alone = cpa.count_cells(net, box(net.input), facets=True)
    together = cpa.count_cells(net, box(net.input), facets=True, workers=2)
    part = cpa.enumerate_cells(net, box(net.input))

    assert (alone.cells, alone.edges) == (together.cells, together.edges)
    assert (alone.cells, alone.edges) == (len(part), part.summary()["edges"])


def test_maps_are_a_lower_bound(monkeypatch):
    """A bitmap of 8 places cannot hold more than 8, and few primes confuse maps; never too many are counted."""
    net = cpa.load_network(NETWORKS / "integer_3_16_16.json")
    right = cpa.enumerate_cells(net, box(3)).distinct_affine_maps()
    assert cpa.count_cells(net, box(3), maps=True).affine_maps_at_least == right

    monkeypatch.setattr(count_maps, "FEW", 0)
    assert right * 0.99 <= cpa.count_cells(net, box(3), maps=True).affine_maps_at_least <= right
    monkeypatch.setattr(count_maps, "PLACES", 3)
    assert cpa.count_cells(net, box(3), maps=True).affine_maps_at_least == 8
    monkeypatch.setattr(count_maps, "PLACES", 28)
    monkeypatch.setattr(count_maps, "BITS", 1)
    assert cpa.count_cells(net, box(3), maps=True).affine_maps_at_least <= right


def test_maps_modulo_a_prime_are_the_network():
    """Values modulo a prime, at cells of a network with all kinds of layers, are those of the exact maps."""
    layers = (
        cpa.Linear([[1, 2], [-1, "1/3"], [0, 1], ["1/2", 1]], [0, 1, "1/5", 0]),
        cpa.HardTanh(-1, 1),
        cpa.Residual(
            (cpa.Linear([[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]], [0] * 4), cpa.Abs())
        ),
        cpa.MaxOut(Listed(((0, 1, 2, 3), (1, 2)))),
        cpa.LeakyReLU("1/7"),
        cpa.Linear([[1, -3]], ["1/2"]),
    )
    net, dom = cpa.Network(2, layers), box(2)
    part = cpa.enumerate_cells(net, dom)
    counter = count_maps.MapCounter(part.form)
    for reduced in counter._reduced:
        p, start = int(reduced._prime), [int(x) for x in reduced._start]
        values = reduced.of_cells(part.results.words)
        for i in range(len(part)):
            image = part.affine_map(i)
            exact = [
                sum((a * x for a, x in zip(row, start, strict=True)), shift)
                for row, shift in zip(image.matrix, image.shift, strict=True)
            ]
            expected = [q.numerator * pow(q.denominator, -1, p) % p for q in exact]
            assert [int(v) % p for v in values[i]] == expected


def test_ideal_reading():
    lines = cpa.Linear([[1, 2], [3, -1]], ["1/2", 0])
    norm = cpa.BatchNorm(mean=[0, 0], variance=[2, 3], gamma=[1, 1], beta=["1/3", 0], epsilon="1e-5")
    net = cpa.IdealNetwork(cpa.Network(2, (lines, norm, cpa.ReLU(), cpa.Linear([[1, 1]], [0]))), ())

    count = cpa.count_cells(net, box(2), facets=True)

    assert (count.cells, count.reading) == (len(cpa.enumerate_cells(net, box(2))), "ideal")
    with pytest.raises(cpa.BadArgument, match="ideal reading"):
        cpa.count_cells(net, box(2), volume=True)


def test_steps_are_lower_bounds():
    net = cpa.load_network(NETWORKS / "random_3_16_16.json")
    counts = [totals.count() for totals in count_in_steps(net, box(3))]

    assert [c.cells for c in counts] == sorted(c.cells for c in counts)
    assert [c.complete for c in counts] == [False] * (len(counts) - 1) + [True]
    assert "partial: at least" in str(counts[0])
    assert "every decision proved" in str(counts[-1])


WRONG = [{"facets": 1}, {"volume": None}, {"maps": "yes"}, {"workers": 0}, {"method": "best"}]


@pytest.mark.parametrize("wrong", WRONG)
def test_rejects_arguments(wrong):
    net = cpa.load_network(NETWORKS / "random_2_16_16.json")
    with pytest.raises(cpa.BadArgument, match="expected"):
        cpa.count_cells(net, box(2), **wrong)


def test_rejects_a_domain_of_another_dimension():
    with pytest.raises(cpa.DimensionMismatch):
        cpa.count_cells(cpa.load_network(NETWORKS / "random_2_16_16.json"), box(3))


def test_command(capsys):
    words = [
        "count",
        str(NETWORKS / "random_2_16_16.json"),
        "--box",
        "-1",
        "1",
        "--facets",
        "--volume",
        "--maps",
    ]

    assert main([*words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)

    assert (facts["cells"], facts["edges"], facts["volume"]) == (99, 172, "4")
    assert facts["affine_maps_at_least"] == 99
    assert main(words) == 0
    assert "99 cells, 172 shared facets, at least 99 affine maps, volume 4" in capsys.readouterr().out


def test_interrupt_tells_what_is_known(tmp_path):
    """A long count, interrupted once it is under way."""
    script = (
        "import sys, signal, os, exactcpa.count as c; honest = c.Totals.add\n"
        "def add(self, chunk):\n"
        "    honest(self, chunk)\n"
        "    if self.tally.cells > 100: os.kill(os.getpid(), signal.SIGINT)\n"
        "c.Totals.add = add\n"
        "from exactcpa.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [
        sys.executable,
        "-c",
        script,
        "count",
        str(NETWORKS / "random_3_32_32.json"),
        "--box",
        "-1",
        "1",
    ]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    assert done.returncode == 130, done.stderr
    assert done.stdout.startswith("partial: at least ")
    assert "Traceback" not in done.stderr
    assert 100 < int(done.stdout.split()[3].replace(",", "")) < 8387


@pytest.mark.slow
def test_memory_does_not_grow():
    """Twenty times the cells, the same memory."""
    program = (
        "import sys, resource, exactcpa as cpa\n"
        "net = cpa.load_network(sys.argv[1]); d = net.input\n"
        "cpa.count_cells(cpa.load_network(sys.argv[2]), cpa.Box([-1] * 3, [1] * 3), facets=True)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "count = cpa.count_cells(net, cpa.Box([-1] * d, [1] * d), facets=True)\n"
        "print(count.cells, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", program, str(NETWORKS / "random_5_16_16.json")]
    command.append(str(NETWORKS / "random_3_32_32.json"))

    cells, kilobytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert int(cells) == 42510
    assert int(kilobytes) < 8_000
