r"""Checker: decides whether a .cpa file proves what it states.  Trusted, alone, standard library only.

Run it by itself, ``python -I -S exactcpa/checker.py FILE [--json]`` (exit 0 proved, 1 rejected, 2 misuse:
no such file, not a .cpa file of this version, no proof inside), or call ``check(path)``, which returns a
`Report` or raises `Rejected` or `Unreadable`.  Nothing here is taken on trust: the network is read and
lowered again, every certificate is added up in integers, the network is run at every witness.  A float is
the dyadic rational it stores; no decision rests on float arithmetic.  This text is the specification of the
file format.


The statement
-------------
A network is a continuous piecewise-affine function; a domain is a bounded polyhedron with interior, in
R^d.  Each *unit* has finitely many pieces and takes one at every point; the *pattern* of a point lists
them.  A *cell* is the set of one pattern within the domain, if that has interior.  A file that passes
proves: its cells are all the cells, each is listed once, with a point strictly inside; its facets are all
their facets inside the domain, and across each lies the cell that EDGE names; its linear regions are the
classes of cells joined through facets with equal affine maps of the whole network.  (The last two only if
HEAD says ``"facets": true``.)


Numbers and the network
-----------------------
JSON numbers: an integer up to 2^53 in magnitude; a literal with point or exponent, which is the double
nearest to it; or a string, which is exact: ``"-7" "0.1" "1e-5" "0x1.8p-3"``, or a quotient of two, ``"1/3"
"0x1f/0x7"``.  Objects have exactly the fields named here, none twice.  A layer, by its ``type``:

    linear      weight (n x m), bias (n)
    batchnorm   mean, variance, gamma, beta (n each), epsilon:  x -> (x - mean) * s + beta, where s is the
                double nearest to gamma / sqrt(variance + epsilon), ties to even; all else is exact
    relu, abs;  relu6 = hardtanh from 0 to 6
    leaky_relu  slope;  prelu  slope (a number, or n numbers)
    hardtanh    min < max
    maxout, maxpool    size (groups of neighbours), or groups (lists of inputs), or shape [C, H, W] with
                kernel and stride; outputs in the order of the groups, windows channel by channel, row by row
    avgpool2d   shape, kernel, stride
    conv2d      weight (O x C x kh x kw), bias (O), shape, stride, padding (with zeros; at most the sides of
                image and kernel together); not flipped
    flatten     nothing: images are flat already, index (c * H + row) * W + column
    residual    layers:  x -> x + layers(x)

kernel, stride and padding are an integer or [rows, columns]; partial windows are dropped.  Every layer that
is not affine makes a *stage*, numbered as met (residual bodies in order); the output is one more stage,
without units.  On a cell of the stages before it, a stage's input is affine, so each of its pre-activations
("lines") z_i is too.

A *bend* is a unit z -> a continuous function of z with breakpoints t_0 < t_1 < ..; its piece is the number
of breakpoints <= z.  A *maximum* is a unit of p >= 2 lines; its piece is the position of the largest, the
largest such position if there are several.  A group of one line is no unit.  Units in order make *switches*
and pattern *bits*:

    bend             one switch f = z - t_i and one bit (1: f >= 0) for each breakpoint
    maximum of two   one switch f = z_1 - z_0 and one bit (1: f >= 0)
    maximum of more  no switch; p bits, of which the winner's is 1.  It is called a *group*

Switches and units are numbered from 0 within a stage, bits through the whole network; bit b is bit b % 64
of word b // 64, and a pattern has W = max(1, ceil(bits / 64)) words.


The file
--------
``exactcpa-partition 1\n``, then blocks: tag (4 bytes), CRC-32 of the payload (uint32), its length (uint64),
payload.  All little-endian.  Payloads of equal tags are parts of one stream; no number is cut by a block's
end.

    HEAD  once, first.  JSON: format "exactcpa-partition", version 1, generator (text), method (text), network
          {format "exactcpa-network", version 1, input, layers}, domain, bounding_proof, reading "deployed",
          proof (bool), facets (bool), scales: for every stage (the output, too) one integer per switch
    CODE  int16   REAL  float64, finite   BIGS  hexadecimal integers ``-0x1f``, each with a newline after it
          any number of each, in any order: the three streams of the proof
    EDGE* int64     the cell across, for every FACET record in order
    PATT  uint64    W words per cell
    WITN  float64   d per cell
    XPTS  JSON {"cell number": ["rational", ..]}: the witnesses of CELLX records, of which WITN has the
                    nearest doubles; {} if there are none
    FPTR* int64     cells + 1: facets of cell c are numbers FPTR[c] to FPTR[c + 1] - 1
    FACE* int32     the bit of the row of each facet (of a WINS row z_i - z_c: the bit of c)
    REGI* int64     linear region per cell, numbered by first appearance
    STAT  JSON      cells, edges*, linear_regions*, and anything else
    DONE  JSON      blocks (their number before this one), cells, facets*, edges*, linear_regions*, sha256
                    (of all bytes before this block's tag).  The file ends here

Starred: only if ``facets``; without, the blocks are absent and the JSON fields null.  Without ``proof`` there
are no streams, and nothing to check.

domain is {type "box", lower, upper}, {type "polytope", A, b} (A x <= b), or {type "slice", origin (D),
basis (D x d), within: box or polytope in R^d}: x = origin + basis t with t within; d and all below are
about t then.  bounding_proof is null for a box; for a polytope {upper, lower}, each d lists of one
multiplier >= 0 per row of A: sum_i upper[j][i] A_i = e_j and sum_i lower[j][i] A_i = -e_j prove the
*bounding box*  -sum_i lower[j][i] b_i <= x_j <= sum_i upper[j][i] b_i, which must have interior.  The
bounding box of a box is itself.


The proof
---------
CODE holds records, depth first.  A *node* is a set of points of the domain: where *rows*, affine functions
called slacks, are >= 0.  Rows are numbered: first b_i - A_i x of a polytope's rows (none for a box), then
those of the records on the path to the node.  At a node some switches and groups of its stage are decided.
Once all are, the node goes on in the next stage, without a record.  F is the switch's f on the node times
2^scales[stage][switch].

    1 DROP   [switch, side, k, rows..]  REAL theta, lambda..   the switch is decided without a cut:
             side 0: lower, G = F, which must not be the zero function;  side 1: upper, G = -F
    3 SPLIT  [switch]   F is not the zero function.  Two nodes: lower, with row -F appended; after all the
             records of lower, upper, with row F appended
    4 PRUNE  [row, k, rows..]  REAL theta, lambda..   G = -slack of that row, which goes out of use: the other
             rows imply it.  Not for rows of the domain
    10 CHOOSE [unit]    a group.  Then for its positions i = 0, 1, .. one of
       11 LOSES [i, q, c_1..c_q, k, rows..]  REAL theta_1..theta_q, lambda..   i wins nowhere: theta G is the
                sum of theta_j (z_i - z_{c_j}); q >= 1; the c_j are different and not i; c_j > i wherever
                z_i - z_{c_j} is the zero function
       13 WINS  [i, q, c_1 < .. < c_q]   a node in which i has won, with rows z_i - z_c appended for the
                listed c, none of them the zero function.  For every c not listed z_i - z_c is zero and c < i
    6 CELL   []  REAL d numbers   at the end of the last stage: the witness, equal to WITN.  If ``facets``,
             for each row in use, not of the domain, in ascending order, there follows PRUNE of that row or
       8 FACET [row]  REAL d numbers   a point where that row's slack is < 0 and all others' are > 0, strictly
             inside the bounding box

Code + 1 says the same with numbers from BIGS (DROPX 2, PRUNEX 5, CELLX 7, FACETX 9, LOSESX 12); a point is
then d numerators and one positive denominator.  DROPI 14 and PRUNEI 15 are DROP and PRUNE without numbers:
they list d rows with independent normals, and theta and lambda are those with which all coefficients
cancel.  Rows listed in a record are in use, all different, not the pruned row.  *Certificate*: every
theta > 0, every lambda >= 0, and the affine function  theta G + sum lambda slack  has no positive value
on the bounding box.  All streams are used up at the end.


Why this is enough
------------------
1. Certificates (Farkas).  On the node slacks are >= 0 and points are in the bounding box, so G <= 0.
2. Nothing is missing.  SPLIT covers its node.  A dropped side is within {F = 0}, F not zero, or (F zero)
   the pattern's convention picks the other.  Where a loser i has the largest line, the sum of LOSES has
   only terms >= 0 and is <= 0, so all are zero: a set without interior, or a tie that a larger position
   wins.  So every point of the domain off finitely many hyperplanes reaches a CELL, and patterns with
   interior are listed.
3. All are there.  The network itself, run at the witness, has the pattern; what is zero there is zero on
   the whole node; the witness is strictly inside the domain.  So a ball around it has the pattern.
4. Each once.  Two leaves differ in the bit of the SPLIT or CHOOSE where their paths part.
5. Facets.  The closed cell is where the rows still in use are >= 0, within the domain.  The segment from
   the witness to a FACET's point leaves it through that row alone.  The other rows are implied.
6. Neighbours.  Cell A has a facet in row g; B is another cell, and every bit in which the patterns differ
   belongs to a function on A (z - t_i of a bend; z_1 - z_0; z_i - z_c with i the winner on A) that is a
   multiple of g, zero included.  Then B lies across.  Proof: let C be the true neighbour.  It too differs
   from A only in multiples of g, all other functions being strict inside the facet.  In the first stage
   where A and B differ, functions on both are the same, so g < 0 inside B.  Stage by stage, patterns of B
   and C agree: functions on them are the same, by induction, and where those on A are multiples of g, so
   are those, by continuity along the facet; both cells are where g < 0, and the sign of a multiple of g is
   the same there.  One pattern, one cell: B = C.
7. Linear regions.  The affine map on every cell is computed, facets with equal maps on both sides join
   cells.


An example to check by hand: relu(x) + relu(x + 2) on -1 <= x <= 1
-------------------------------------------------------------------
Switches 0: x and 1: x + 2, scales 0.  CODE, REAL and what they say:

    1 1 1 0     1.0     DROP: 1 is upper.  1 * -(x + 2) is at most -1 on the box
    3 0                 SPLIT by x.  Lower: row 0 is -x
    6          -0.5     CELL 0, pattern 0b10.  relu gives 0 + 1.5
    8 0         0.5     FACET in row 0: -(0.5) < 0; EDGE 1
    6           0.5     CELL 1 (upper: row 0 is x), pattern 0b11
    8 0        -0.5     FACET in row 0; EDGE 0

2 cells, 2 facets = 1 edge; maps x + 2 and 2 x + 2: 2 linear regions.


Main definitions:
    check: Path in, `Report` out.
    Rejected, Unreadable: Why not.
    lower_network: JSON to lines and units.
    Proof: The walk over the records.

Conventions:
    An affine function on R^d is a tuple of d coefficients and its constant, integers over a known
    denominator.  A point is a tuple of d numerators and the denominator, so that the sum of products is the
    value.  A slack is >= 0 inside.

References:
    Cheung, Gleixner and Steffy, Verifying integer programming results (2017): split and
    discharge as certificate.
    Schrijver, Theory of linear and integer programming (1986), section 7.3 (Farkas' lemma).

Not here:
    Anything of the package.  This file imports nothing of it, and nothing of it is needed to believe a proof.
"""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # beside this file lies a numbers.py that is not the standard library's

import argparse
import json
import math
import re
import struct
import time
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from hashlib import sha256
from itertools import islice, product
from operator import itemgetter, mul, sub
from typing import Any, NamedTuple, NoReturn

MAGIC, VERSION = b"exactcpa-partition ", b"1\n"
DROP, DROPX, SPLIT, PRUNE, PRUNEX, CELL, CELLX, FACET, FACETX, CHOOSE, LOSES, LOSESX, WINS, DROPI, PRUNEI = (
    range(1, 16)
)

Vector = tuple[int, ...]
Progress = Callable[[int, int], None]


class Rejected(Exception):
    """The file does not prove what it states; the message says where it fails."""


class Unreadable(Exception):
    """There is nothing to check: no such file, not a .cpa file of this version, or no proof in it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a file was found to prove.  There is no report of a file that fails.

    Attributes:
        complete: Always true: the cells cover the domain up to a set without interior.
        dimension: Of the searched space.
        units, cells: Their numbers.
        facets: Facets inside the domain, counted once from each side; None if the file states none.
        edges: Pairs of cells with a common facet: half of facets, or None.
        linear_regions: Their number, or None.
        certificates: Farkas certificates added up.
        splits: Nodes cut in two by a switch.
        choices: Nodes divided among the lines of a group.
        sha256: Digest of the file up to its last block.
    """

    complete: bool
    dimension: int
    units: int
    cells: int
    facets: int | None
    edges: int | None
    linear_regions: int | None
    certificates: int
    splits: int
    choices: int
    sha256: str

    def __str__(self) -> str:
        """Say it in two lines."""
        graph = "" if self.facets is None else f", {self.edges} edges, {self.linear_regions} linear regions"
        return (
            f"proved: {self.cells} cells{graph}; {self.units} units, dimension {self.dimension}; complete\n"
            f"checked: {self.certificates} Farkas certificates, {self.splits} splits, {self.choices} "
            f"choices, {self.facets or 0} facet points, {self.cells} witnesses"
        )


def check(path: Any, progress: Progress | None = None) -> Report:
    """Check the proof in a file.

    Args:
        path: The file.
        progress: Called now and then with the number of cells checked and the number stated.

    Raises:
        Rejected: The file is damaged, or does not prove what it states.
        Unreadable: Nothing to check.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, ValueError, MemoryError) as problem:
        raise Unreadable(f"cannot read the file: {problem}") from None
    try:
        return check_bytes(data, progress)
    except (Rejected, Unreadable):
        raise
    except Exception as problem:  # whatever it is, it is no proof
        raise Rejected(f"malformed: {type(problem).__name__}: {str(problem)[:200]!a}") from problem


def check_bytes(data: bytes, progress: Progress | None = None) -> Report:
    """Check the contents of a file: blocks, then network and domain, then the proof."""
    blocks, digest = read_blocks(data)
    head = read_json(only(blocks, "HEAD"), "HEAD")
    expect_fields(
        head,
        "format version generator network domain bounding_proof reading proof facets method scales",
        "HEAD",
    )
    for field, value in {"format": "exactcpa-partition", "version": 1, "reading": "deployed"}.items():
        if type(head[field]) is not type(value) or head[field] != value:
            reject(f"HEAD {field}: expected {value!r}, got {shown(head[field])}")
    for field, kind in {"proof": bool, "facets": bool, "generator": str, "method": str}.items():
        if not isinstance(head[field], kind):
            reject(f"HEAD {field}: expected a {kind.__name__}, got {shown(head[field])}")
    if not head["proof"]:
        raise Unreadable("no proof inside: the file was saved without one")
    expect_blocks(blocks, head["facets"])
    lowered, inputs = lower_network(head["network"])
    domain = read_domain(head["domain"], head["bounding_proof"], inputs)
    network = integer_network(lowered, domain, head["scales"])
    return Proof(network, domain, blocks, digest, facets=head["facets"]).run(progress)


def reject(reason: str) -> NoReturn:
    """Raise `Rejected`."""
    raise Rejected(reason)


def shown(value: object) -> str:
    """Show a value in a message, shortened."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


# ---------------------------------------------------------------------------------------------------- blocks

FACET_TAGS = ("EDGE", "FPTR", "FACE", "REGI")
TAIL = ("EDGE", "PATT", "WITN", "XPTS", "FPTR", "FACE", "REGI", "STAT", "DONE")
Blocks = dict[str, list[memoryview]]


def read_blocks(data: bytes) -> tuple[Blocks, str]:
    """Return the payloads by tag and the digest; magic, lengths, checksums and order are checked."""
    if not data.startswith(MAGIC):
        raise Unreadable("not a .cpa file: its first bytes are not 'exactcpa-partition '")
    start = len(MAGIC) + len(VERSION)
    if data[len(MAGIC) : start] != VERSION:
        raise Unreadable(f"unknown version: expected 1, got {shown(data[len(MAGIC) : start])}")
    view, blocks, tags, last = memoryview(data), {}, [], start
    while start < len(data):
        if len(data) - start < 16:
            reject(f"block {len(tags)}: truncated header")
        raw_tag, crc, length = struct.unpack_from("<4sIQ", data, start)
        tag, last, start = raw_tag.decode("latin-1"), start, start + 16
        if length > len(data) - start:
            reject(f"block {len(tags)} ({tag!a}): truncated, {length} bytes stated, {len(data) - start} left")
        payload, start = view[start : start + length], start + length
        if zlib.crc32(payload) != crc:
            reject(f"block {len(tags)} ({tag!a}): checksum mismatch")
        blocks.setdefault(tag, []).append(payload)
        tags.append(tag)
    expect_order(tags)
    done = read_json(only(blocks, "DONE"), "DONE")
    expect_fields(done, "blocks cells facets edges linear_regions sha256", "DONE")
    digest = sha256(view[:last]).hexdigest()
    if done["sha256"] != digest:
        reject("DONE sha256: not the digest of the bytes before")
    expect_count(done["blocks"], len(tags) - 1, "DONE blocks")
    return blocks, digest


def expect_order(tags: list[str]) -> None:
    """HEAD first, streams, then the tail in its order up to DONE."""
    if not tags or tags[0] != "HEAD":
        reject("the first block is not HEAD")
    if tags[-1] != "DONE":
        reject("truncated: the last block is not DONE")
    tail = [tag for tag in tags[1:] if tag not in ("CODE", "REAL", "BIGS")]
    streams = len(tags) - 1 - len(tail)
    if tags[1 + streams :] != tail or tail != [tag for tag in TAIL if tag in tail]:
        reject(f"blocks out of order, unknown, or twice: {shown(' '.join(tags[:1] + tail))}")


def expect_blocks(blocks: Blocks, facets: bool) -> None:  # noqa: FBT001
    """The blocks of the tail that must be there are there, and no others."""
    for tag in TAIL:
        expected = facets or tag not in FACET_TAGS
        if (tag in blocks) != expected:
            reject(f"block {tag}: {'missing' if expected else 'present, though facets is false'}")


def only(blocks: Blocks, tag: str) -> memoryview:
    """Return the payload of a tag that occurs once."""
    if len(blocks.get(tag, ())) != 1:
        reject(f"block {tag}: expected once, got {len(blocks.get(tag, ()))} times")
    return blocks[tag][0]


def stream(payloads: list[memoryview], kind: str, tag: str) -> Iterator[Any]:
    """Yield the numbers of a stream; ``kind`` is a type code of `array`."""
    for payload in payloads:
        yield from numbers_of(payload, kind, tag)


def numbers_of(payload: memoryview, kind: str, tag: str) -> array:
    """Return a payload as an array."""
    values = array(kind)
    if len(payload) % values.itemsize:
        reject(f"block {tag}: {len(payload)} bytes, not a multiple of {values.itemsize}")
    values.frombytes(payload)
    if sys.byteorder == "big":
        values.byteswap()
    return values


HEX_INTEGER = re.compile(rb"-?0x[0-9a-f]+")


def big_stream(payloads: list[memoryview]) -> Iterator[int]:
    """Yield the integers of the BIGS stream."""
    for payload in payloads:
        *texts, rest = bytes(payload).split(b"\n")
        if rest:
            reject("block BIGS: the last integer has no newline after it")
        for text in texts:
            if not HEX_INTEGER.fullmatch(text):
                reject(f"block BIGS: not a hexadecimal integer: {shown(text)}")
            yield int(text, 16)


# ---------------------------------------------------------------------------------------------- JSON, numbers


def read_json(payload: memoryview, tag: str) -> dict:
    """Parse a JSON object, strictly: no field twice, no NaN."""
    try:
        value = json.loads(
            bytes(payload).decode("utf-8"), object_pairs_hook=object_of, parse_constant=refuse_constant
        )
    except (ValueError, RecursionError) as problem:
        reject(f"block {tag}: not JSON: {str(problem)[:100]}")
    if not isinstance(value, dict):
        reject(f"block {tag}: expected an object, got {shown(value)}")
    return value


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; a field that occurs twice is an error."""
    value = dict(pairs)
    if len(value) != len(pairs):
        reject(f"JSON object with a field twice: {shown([name for name, _ in pairs])}")
    return value


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity."""
    reject(f"JSON number {name}")


def expect_fields(value: object, names: str, where: str) -> None:
    """The value is an object with exactly these fields."""
    if not isinstance(value, dict):
        reject(f"{where}: expected an object, got {shown(value)}")
    for name in sorted(set(names.split()) ^ set(value)):
        reject(f"{where}: field {shown(name)} is {'unknown' if name in value else 'missing'}")


def expect_count(value: object, count: int | None, where: str) -> None:
    """A stated count is the count."""
    if type(value) is not type(count) or value != count:
        reject(f"{where}: {shown(value)} stated, {count} found")


def natural(value: object, where: str, least: int = 0) -> int:
    """Return an integer, at least ``least``."""
    if type(value) is not int or value < least:
        reject(f"{where}: expected an integer of at least {least}, got {shown(value)}")
    return value


LARGEST_PLAIN_INTEGER = 2**53
LARGEST_EXPONENT = 1_000_000
LARGEST_SCALE = 100_000
DECIMAL = re.compile(r"([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]{1,9}))?")
HEXADECIMAL = re.compile(r"([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)(?:[pP]([+-]?[0-9]{1,9}))?")


def number(value: object) -> Fraction:
    """Return the rational a JSON value is."""
    if type(value) is int and abs(value) <= LARGEST_PLAIN_INTEGER:
        return Fraction(value)
    if type(value) is float and math.isfinite(value):
        return Fraction(value)
    if type(value) is str:
        above, quotient, below = value.partition("/")
        divisor = literal(below) if quotient else Fraction(1)
        if divisor:
            return literal(above) / divisor
    return reject(f"not a number of this format: {shown(value)}")


def literal(text: str) -> Fraction:
    """Return the rational that a decimal or hexadecimal literal is.

    Example:
        >>> literal("0.1"), literal("-0x1.8p-3"), literal("1e-2")
        (Fraction(1, 10), Fraction(-3, 16), Fraction(1, 100))
    """
    if match := HEXADECIMAL.fullmatch(text):
        base, step, root = 16, 4, 2
    elif match := DECIMAL.fullmatch(text):
        base, step, root = 10, 1, 10
    else:
        reject(f"not a number: {shown(text)}")
    sign, whole, part, exponent = match.groups()
    power = int(exponent or 0) - step * len(part)
    if not whole + part or abs(power) > LARGEST_EXPONENT:
        reject(f"not a number, or its exponent is too large: {shown(text)}")
    size = int(whole + part, base)
    value = Fraction(size * root**power) if power >= 0 else Fraction(size, root**-power)
    return -value if sign == "-" else value


def vector(value: object, length: int | None = None) -> list[Fraction]:
    """Return a list of numbers, of that length if given."""
    return [number(item) for item in items(value, length)]


def matrix(value: object, rows: int | None = None, columns: int | None = None) -> list[list[Fraction]]:
    """Return a rectangular, nonempty list of lists of numbers."""
    result = [vector(row) for row in items(value, rows)]
    if any(len(row) != (len(result[0]) if columns is None else columns) for row in result):
        reject(f"expected rows of {len(result[0]) if columns is None else columns} numbers")
    return result


def items(value: object, length: int | None = None) -> list:
    """Return a nonempty list, of that length if given."""
    if not isinstance(value, list) or not value or (length is not None and len(value) != length):
        reject(f"expected a list of {'at least one' if length is None else length}, got {shown(value)}")
    return value


def common_denominator(values: Iterable[Fraction]) -> int:
    """Return the least common denominator."""
    return math.lcm(1, *{value.denominator for value in values})


# -------------------------------------------------------------------------------------------------- network


class Line(NamedTuple):
    """An affine function of what the previous stage gave; sparse."""

    coefficients: dict[int, Fraction]
    constant: Fraction


class Bend(NamedTuple):
    """A line through a function: ``slopes[p] * z + intercepts[p]`` on piece p.  A unit if it bends."""

    source: int
    breakpoints: tuple
    slopes: tuple
    intercepts: tuple
    bit: int = -1


class Maximum(NamedTuple):
    """The largest of several lines."""

    sources: tuple[int, ...]
    bit: int = -1


Unit = Bend | Maximum
Lowered = list[tuple[list[Line], list[Unit]]]
Rows = Iterable[tuple[Iterable[tuple[int, Fraction]], Fraction]]


def lower_network(value: object) -> tuple[Lowered, int]:
    """Read a network; return its stages, each its lines and units, and its input dimension."""
    expect_fields(value, "format version input layers", "network")
    if value["format"] != "exactcpa-network" or type(value["version"]) is not int or value["version"] != 1:
        reject("network: not an exactcpa-network, version 1")
    inputs = natural(value["input"], "network input", 1)
    lowering = Lowering(inputs)
    lowering.apply_all(value["layers"])
    lowering.close_stage([])
    return lowering.stages, inputs


class Lowering:
    """The stages so far, and the current vector as lines over the last of them.

    Attributes:
        current: The vector the next layer is applied to.
        carried: The inputs of the residual blocks we are in.
    """

    def __init__(self, inputs: int) -> None:
        self.stages: Lowered = []
        self.current = [plain_line(j) for j in range(inputs)]
        self.carried: list[list[Line]] = []

    def apply_all(self, layers: object) -> None:
        """Apply layers in order."""
        for index, layer in enumerate(items(layers)):
            kind = layer.get("type") if isinstance(layer, dict) else None
            try:
                self.apply(kind, layer)
            except Rejected as problem:
                reject(f"layer {index} ({shown(kind)}): {problem}")

    def apply(self, kind: object, layer: dict) -> None:
        """Apply one layer."""
        if kind == "flatten":
            expect_fields(layer, "type", "layer")
        elif kind == "residual":
            self.apply_residual(layer)
        elif isinstance(kind, str) and kind in AFFINE:
            self.current = [
                combined(row, bias, self.current) for row, bias in AFFINE[kind](layer, len(self.current))
            ]
        elif isinstance(kind, str) and kind in ACTIVATIONS:
            self.close_stage(ACTIVATIONS[kind](layer, len(self.current)))
        else:
            reject("unknown type")

    def apply_residual(self, layer: dict) -> None:
        """Apply ``x + layers(x)``."""
        expect_fields(layer, "type layers", "layer")
        self.carried.append(self.current)
        self.apply_all(layer["layers"])
        start = self.carried.pop()
        if len(start) != len(self.current):
            reject(f"{len(start)} inputs, but its layers give {len(self.current)}")
        one = Fraction(1)
        pairs = zip(start, self.current, strict=True)
        self.current = [combined([(0, one), (1, one)], Fraction(0), pair) for pair in pairs]

    def close_stage(self, units: list[Unit]) -> None:
        """Add a stage with these units over the current vector; what is carried passes through."""
        lines = [*self.current, *(line for vector in self.carried for line in vector)]
        outputs = len(units)
        passing = range(len(self.current) if units else 0, len(lines))
        self.stages.append((lines, units + [pass_through(source) for source in passing]))
        self.current = [plain_line(j) for j in range(outputs)]
        for depth, carried in enumerate(self.carried):
            self.carried[depth] = [plain_line(outputs + j) for j in range(len(carried))]
            outputs += len(carried)


def plain_line(index: int) -> Line:
    """Return one entry of the previous stage."""
    return Line({index: Fraction(1)}, Fraction(0))


def combined(row: Iterable[tuple[int, Fraction]], bias: Fraction, lines: Sequence[Line]) -> Line:
    """Return the sum of ``weight * lines[index]`` over a row of pairs (index, weight), plus the bias."""
    coefficients: dict[int, Fraction] = {}
    for index, weight in row:
        if weight:
            for j, coefficient in lines[index].coefficients.items():
                coefficients[j] = coefficients.get(j, 0) + weight * coefficient
            bias += weight * lines[index].constant
    return Line(coefficients, bias)


def linear_rows(layer: dict, inputs: int) -> Rows:
    """Rows of a linear layer."""
    expect_fields(layer, "type weight bias", "layer")
    weight = matrix(layer["weight"], columns=inputs)
    return zip(map(enumerate, weight), vector(layer["bias"], len(weight)), strict=True)


def batchnorm_rows(layer: dict, inputs: int) -> Rows:
    """Rows of a batch normalisation, deployed reading."""
    expect_fields(layer, "type mean variance gamma beta epsilon", "layer")
    columns = [vector(layer[field], inputs) for field in ("mean", "variance", "gamma", "beta")]
    epsilon = number(layer["epsilon"])
    for index, (mean, variance, gamma, beta) in enumerate(zip(*columns, strict=True)):
        scale = deployed_scale(gamma, variance + epsilon)
        yield [(index, scale)], beta - mean * scale


def deployed_scale(gamma: Fraction, variance: Fraction) -> Fraction:
    """Return the double nearest to ``gamma / sqrt(variance)``, ties to even.

    The root is taken to at least 60 bits and rounded down; if that is not exact, half a step is added.  So
    it lies on the same side of every double and every midpoint of doubles as the true root, and Python's
    division of integers, which is correctly rounded, gives the double.

    Example:
        >>> deployed_scale(Fraction(-3), Fraction(4)), float(deployed_scale(Fraction(1), Fraction(2)))
        (Fraction(-3, 2), 0.7071067811865476)
    """
    if variance <= 0:
        reject("variance + epsilon is not positive")
    square = gamma * gamma / variance
    above, below = square.numerator, square.denominator
    shift = max(0, 64 - (above.bit_length() - below.bit_length()) // 2)
    root = math.isqrt((above << 2 * shift) // below)
    exact = root * root * below == above << 2 * shift
    try:
        nearest = Fraction((2 * root + (not exact)) / (2 << shift))
    except OverflowError:
        reject("gamma / sqrt(variance + epsilon) is beyond the doubles")
    return -nearest if gamma < 0 else nearest


def pair(value: object, where: str, least: int) -> tuple[int, int]:
    """Return [rows, columns], given so or as one integer for both."""
    rows, columns = value if isinstance(value, list) and len(value) == 2 else (value, value)
    return natural(rows, where, least), natural(columns, where, least)


def image_shape(layer: dict, inputs: int) -> tuple[int, int, int]:
    """Return the shape [C, H, W] of an image of that many inputs."""
    channels, height, width = (natural(size, "shape", 1) for size in items(layer["shape"], 3))
    if channels * height * width != inputs:
        reject(f"shape {layer['shape']} for {inputs} inputs")
    return channels, height, width


def corners(size: int, kernel: int, stride: int, padding: int) -> range:
    """Return the first pixels of all positions of a kernel along one axis."""
    if padding > size + kernel or size + 2 * padding < kernel:
        reject(f"kernel {kernel}, padding {padding} on {size} pixels")
    return range(-padding, size + padding - kernel + 1, stride)


def conv2d_rows(layer: dict, inputs: int) -> Rows:
    """Rows of a convolution: for every filter, at every position."""
    expect_fields(layer, "type weight bias shape stride padding", "layer")
    channels, height, width = image_shape(layer, inputs)
    stride, padding = pair(layer["stride"], "stride", 1), pair(layer["padding"], "padding", 0)
    filters = [[matrix(plane) for plane in items(planes, channels)] for planes in items(layer["weight"])]
    rows, columns = len(filters[0][0]), len(filters[0][0][0])
    if any((len(plane), len(plane[0])) != (rows, columns) for planes in filters for plane in planes):
        reject("weight: kernels of different sizes")
    tops = corners(height, rows, stride[0], padding[0])
    lefts = corners(width, columns, stride[1], padding[1])
    for planes, bias in zip(filters, vector(layer["bias"], len(filters)), strict=True):
        taps = [
            (c, i, j, weight)
            for c, plane in enumerate(planes)
            for i, line in enumerate(plane)
            for j, weight in enumerate(line)
        ]
        for top, left in product(tops, lefts):
            yield (
                [
                    ((c * height + top + i) * width + left + j, weight)
                    for c, i, j, weight in taps
                    if 0 <= top + i < height and 0 <= left + j < width
                ],
                bias,
            )


def windows(layer: dict, inputs: int) -> list[tuple[int, ...]]:
    """Return the inputs under a pooling kernel, for every channel and position."""
    channels, height, width = image_shape(layer, inputs)
    kernel, stride = pair(layer["kernel"], "kernel", 1), pair(layer["stride"], "stride", 1)
    tops, lefts = corners(height, kernel[0], stride[0], 0), corners(width, kernel[1], stride[1], 0)
    return [
        tuple((c * height + top + i) * width + left + j for i in range(kernel[0]) for j in range(kernel[1]))
        for c, top, left in product(range(channels), tops, lefts)
    ]


def avgpool2d_rows(layer: dict, inputs: int) -> Rows:
    """Rows of an average pooling."""
    expect_fields(layer, "type shape kernel stride", "layer")
    for group in windows(layer, inputs):
        yield [(index, Fraction(1, len(group))) for index in group], Fraction(0)


def pass_through(source: int) -> Bend:
    """Return a line unchanged."""
    return Bend(source, (), (Fraction(1),), (Fraction(0),))


def bend_at_zero(source: int, slope: Fraction) -> Bend:
    """Return ``z`` where it is >= 0, ``slope * z`` elsewhere."""
    return Bend(source, (Fraction(0),), (slope, Fraction(1)), (Fraction(0), Fraction(0)))


def clip(source: int, least: Fraction, most: Fraction) -> Bend:
    """Return ``z`` clipped to an interval."""
    if least >= most:
        reject("min is not below max")
    zero, one = Fraction(0), Fraction(1)
    return Bend(source, (least, most), (zero, one, zero), (least, zero, most))


def zero_bends(slope: int) -> Callable[[dict, int], list[Unit]]:
    """Return what reads a layer without fields of bends at zero."""

    def units(layer: dict, inputs: int) -> list[Unit]:
        expect_fields(layer, "type", "layer")
        return [bend_at_zero(source, Fraction(slope)) for source in range(inputs)]

    return units


def leaky_relu_units(layer: dict, inputs: int) -> list[Unit]:
    """Units of a leaky ReLU."""
    expect_fields(layer, "type slope", "layer")
    slope = number(layer["slope"])
    return [bend_at_zero(source, slope) for source in range(inputs)]


def prelu_units(layer: dict, inputs: int) -> list[Unit]:
    """Units of a parametric ReLU."""
    expect_fields(layer, "type slope", "layer")
    value = layer["slope"]
    slopes = vector(value, inputs) if isinstance(value, list) else [number(value)] * inputs
    return [bend_at_zero(source, slope) for source, slope in enumerate(slopes)]


def hardtanh_units(layer: dict, inputs: int) -> list[Unit]:
    """Units of a clip."""
    expect_fields(layer, "type min max", "layer")
    least, most = number(layer["min"]), number(layer["max"])
    return [clip(source, least, most) for source in range(inputs)]


def relu6_units(layer: dict, inputs: int) -> list[Unit]:
    """Units of a clip to [0, 6]."""
    expect_fields(layer, "type", "layer")
    return [clip(source, Fraction(0), Fraction(6)) for source in range(inputs)]


def maximum_units(layer: dict, inputs: int) -> list[Unit]:
    """Units of a maxout or max-pooling."""
    groups = read_groups(layer, inputs)
    return [Maximum(group) if len(group) > 1 else pass_through(group[0]) for group in groups]


def read_groups(layer: dict, inputs: int) -> list[tuple[int, ...]]:
    """Return the groups of inputs, in whichever way they are given."""
    if "shape" in layer:
        expect_fields(layer, "type shape kernel stride", "layer")
        return windows(layer, inputs)
    if "groups" in layer:
        expect_fields(layer, "type groups", "layer")
        groups = [
            tuple(natural(index, "groups") for index in items(group)) for group in items(layer["groups"])
        ]
        if max(map(max, groups)) >= inputs:
            reject(f"groups: expected inputs below {inputs}, got {max(map(max, groups))}")
        return groups
    expect_fields(layer, "type size", "layer")
    size = natural(layer["size"], "size", 1)
    if inputs % size:
        reject(f"size {size} does not divide {inputs}")
    return [tuple(range(start, start + size)) for start in range(0, inputs, size)]


AFFINE: dict[str, Callable[[dict, int], Rows]] = {
    "linear": linear_rows,
    "batchnorm": batchnorm_rows,
    "conv2d": conv2d_rows,
    "avgpool2d": avgpool2d_rows,
}
ACTIVATIONS: dict[str, Callable[[dict, int], list[Unit]]] = {
    "relu": zero_bends(0),
    "abs": zero_bends(-1),
    "leaky_relu": leaky_relu_units,
    "prelu": prelu_units,
    "hardtanh": hardtanh_units,
    "relu6": relu6_units,
    "maxout": maximum_units,
    "maxpool": maximum_units,
}


# --------------------------------------------------------------------------------------------------- domain


@dataclass(frozen=True, slots=True)
class Domain:
    """The searched polyhedron in R^d.

    Attributes:
        lower, upper: The bounding box, numerators over ``denominator``.
        slacks: ``b_i - A_i x``, numerators over ``slack_denominator``.
        inputs: The network's inputs as affine functions, numerators over ``input_denominator``.
    """

    lower: Vector
    upper: Vector
    denominator: int
    slacks: list[Vector]
    slack_denominator: int
    inputs: list[Vector]
    input_denominator: int

    @property
    def dimension(self) -> int:
        """The d of R^d."""
        return len(self.lower)


def read_domain(value: object, bounding_proof: object, ambient: int) -> Domain:
    """Read a box, a polytope or a slice of the network's input space."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "slice":
        expect_fields(value, "type origin basis within", "domain")
        origin, basis = vector(value["origin"], ambient), matrix(value["basis"], rows=ambient)
        inputs, within = [(*row, shift) for row, shift in zip(basis, origin, strict=True)], value["within"]
    else:
        inputs = [(*(Fraction(i == j) for j in range(ambient)), Fraction(0)) for i in range(ambient)]
        within = value
    dimension = len(inputs[0]) - 1
    lower, upper, slacks = read_polyhedron(within, bounding_proof, dimension)
    if any(low >= high for low, high in zip(lower, upper, strict=True)):
        reject("domain: its bounding box has no interior")
    denominator = common_denominator([*lower, *upper])
    slack_denominator = common_denominator(entry for row in slacks for entry in row)
    input_denominator = common_denominator(entry for row in inputs for entry in row)
    return Domain(
        lower=numerators(lower, denominator),
        upper=numerators(upper, denominator),
        denominator=denominator,
        slacks=[numerators(row, slack_denominator) for row in slacks],
        slack_denominator=slack_denominator,
        inputs=[numerators(row, input_denominator) for row in inputs],
        input_denominator=input_denominator,
    )


Fractions = Sequence[Fraction]


def read_polyhedron(
    value: object, proof: object, dimension: int
) -> tuple[Fractions, Fractions, list[Fractions]]:
    """Return lower and upper corner of the bounding box, and the slacks that are not of the box."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "box":
        expect_fields(value, "type lower upper", "domain")
        if proof is not None:
            reject("bounding_proof: expected null for a box")
        return vector(value["lower"], dimension), vector(value["upper"], dimension), []
    if kind != "polytope":
        reject(f"domain: unknown type {shown(kind)}")
    expect_fields(value, "type A b", "domain")
    normals = matrix(value["A"], columns=dimension)
    offsets = vector(value["b"], len(normals))
    expect_fields(proof, "upper lower", "bounding_proof")
    upper = [proved_bound(normals, offsets, m, j, 1) for j, m in enumerate(items(proof["upper"], dimension))]
    lower = [
        -proved_bound(normals, offsets, m, j, -1) for j, m in enumerate(items(proof["lower"], dimension))
    ]
    slacks = [(*(-a for a in normal), offset) for normal, offset in zip(normals, offsets, strict=True)]
    return lower, upper, slacks


def proved_bound(normals: list, offsets: list, multipliers: object, coordinate: int, sign: int) -> Fraction:
    """Return the upper bound on ``sign * x_coordinate`` that nonnegative multipliers of the rows prove."""
    weights = vector(multipliers, len(normals))
    sums = [sum(map(mul, weights, column)) for column in zip(*normals, strict=True)]
    if min(weights) < 0 or sums != [sign * (j == coordinate) for j in range(len(sums))]:
        reject(f"bounding_proof: does not bound coordinate {coordinate}")
    return sum(map(mul, weights, offsets))


def numerators(values: Iterable[Fraction], denominator: int) -> Vector:
    """Return values over a common denominator."""
    return tuple(value.numerator * (denominator // value.denominator) for value in values)


# ----------------------------------------------------------------------------------- the network in integers


class Switch(NamedTuple):
    """A question: is ``lines[plus] - lines[minus] - shift >= 0``?  Without ``minus`` if that is -1.

    ``exponent`` is that of its `Row`.
    """

    bit: int
    plus: int
    minus: int
    shift: int
    exponent: int


class Row(NamedTuple):
    """A row of the proof: the function is ``vector * 2**exponent`` over one odd integer common to all rows.

    Attributes:
        vector: Integers.
        exponent: May be of either sign.
        bit: What FACE says of a facet in this row; -1 for rows of the domain.
        crossed: The bits that change across such a facet if no others do, as a mask.
    """

    vector: Vector
    exponent: int
    bit: int
    crossed: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage in integers.

    Attributes:
        weights: For each line its coefficients, and an `itemgetter` of the entries they belong to.
        biases: Constants of the lines, over the lines' denominator.
        units: Breakpoints over that denominator; slopes over another; intercepts over the product.
        slope_denominator: That other.
        switches: By number.
        groups: Maxima of three or more, by unit number.
        bits: All bits of the stage, as a mask.
        factor, exponent: A line is ``line * factor * 2**exponent`` as a `Row`.
    """

    weights: list[tuple[Vector, Callable]]
    biases: Vector
    units: list[Unit]
    slope_denominator: int
    switches: list[Switch]
    groups: dict[int, Maximum]
    bits: int
    factor: int
    exponent: int


@dataclass(frozen=True, slots=True)
class Network:
    """The network in integers.

    Attributes:
        stages: The last is the output.
        units, bits: Their numbers.
        owners: For every bit its stage, and its `Switch` or the `Maximum` it belongs to.
        domain_rows: The slacks of the domain.
    """

    stages: list[Stage]
    units: int
    bits: int
    owners: dict[int, tuple[int, Switch | Maximum]]
    domain_rows: list[Row]


def integer_network(lowered: Lowered, domain: Domain, scales: object) -> Network:
    """Turn the network into integers: every stage has denominators that hold on all cells."""
    plans, previous = [], domain.input_denominator
    for lines, units in lowered:
        denominator, slope_denominator = plan_denominators(lines, units, previous)
        plans.append((previous, denominator, slope_denominator))
        previous = denominator * slope_denominator
    odd = math.lcm(odd_part(domain.slack_denominator), odd_part(previous))
    factor, exponent = row_scale(domain.slack_denominator, odd)
    rows = [Row(tuple(factor * c for c in slack), exponent, -1, 0) for slack in domain.slacks]
    exponents = items(scales, len(lowered))
    stages, owners, bits = [], {}, 0
    for index, (lines, units) in enumerate(lowered):
        scale = row_scale(plans[index][1], odd)
        stage = integer_stage(lines, units, plans[index], scale, exponents[index], bits)
        stages.append(stage)
        bits += stage.bits.bit_count()
        owners |= {switch.bit: (index, switch) for switch in stage.switches}
        for group in stage.groups.values():
            owners |= {group.bit + c: (index, group) for c in range(len(group.sources))}
    units_total = sum(is_unit(unit) for stage in stages for unit in stage.units)
    return Network(stages, units_total, bits, owners, rows)


def plan_denominators(lines: list[Line], units: list[Unit], previous: int) -> tuple[int, int]:
    """Return the denominator of lines, breakpoints and intercepts, and that of slopes."""
    bends = [unit for unit in units if isinstance(unit, Bend)]
    weights = common_denominator(c for line in lines for c in line.coefficients.values())
    constants = [line.constant for line in lines]
    constants += [value for bend in bends for value in (*bend.breakpoints, *bend.intercepts)]
    denominator = math.lcm(weights * previous, common_denominator(constants))
    return denominator, common_denominator(slope for bend in bends for slope in bend.slopes)


def odd_part(value: int) -> int:
    """Return the largest odd divisor."""
    return value // (value & -value)


def row_scale(denominator: int, odd: int) -> tuple[int, int]:
    """Return factor and exponent such that ``1 / denominator`` is ``factor * 2**exponent / odd``."""
    twos = denominator & -denominator
    return odd // (denominator // twos), 1 - twos.bit_length()


def is_unit(unit: Unit) -> bool:
    """Everything is a unit but what passes a line through."""
    return isinstance(unit, Maximum) or bool(unit.breakpoints)


def integer_stage(
    lines: list[Line],
    units: list[Unit],
    plan: tuple[int, int, int],
    scale: tuple[int, int],
    exponents: object,
    first: int,
) -> Stage:
    """Turn one stage into integers; its bits are numbered from ``first`` on."""
    previous, denominator, slope_denominator = plan
    factor, exponent = scale
    placed = [integer_unit(unit, denominator, slope_denominator) for unit in units]
    numbered, bit = [], first
    for unit in placed:
        numbered.append(unit._replace(bit=bit))
        bit += bit_count(unit)
    switches = [switch for unit in numbered for switch in switches_of(unit)]
    exponents = scale_exponents(exponents, len(switches))
    real = [unit for unit in numbered if is_unit(unit)]
    return Stage(
        weights=[integer_weights(line.coefficients, denominator // previous) for line in lines],
        biases=numerators([line.constant for line in lines], denominator),
        units=numbered,
        slope_denominator=slope_denominator,
        switches=[s._replace(exponent=exponent + e) for s, e in zip(switches, exponents, strict=True)],
        groups={number: unit for number, unit in enumerate(real) if is_group(unit)},
        bits=(1 << bit) - (1 << first),
        factor=factor,
        exponent=exponent,
    )


def integer_unit(unit: Unit, denominator: int, slope_denominator: int) -> Unit:
    """Put breakpoints, slopes and intercepts over the stage's denominators."""
    if isinstance(unit, Maximum):
        return unit
    return unit._replace(
        breakpoints=numerators(unit.breakpoints, denominator),
        slopes=numerators(unit.slopes, slope_denominator),
        intercepts=numerators(unit.intercepts, denominator * slope_denominator),
    )


def integer_weights(coefficients: dict[int, Fraction], denominator: int) -> tuple[Vector, Callable]:
    """Return coefficients, and what picks their entries; two at least, or it would not pick a tuple."""
    padded = [(j, c) for j, c in coefficients.items() if c] + [(0, Fraction(0))] * 2
    kept = padded[: max(2, len(padded) - 2)]
    return numerators([c for _, c in kept], denominator), itemgetter(*(j for j, _ in kept))


def is_group(unit: Unit) -> bool:
    """A maximum of three or more."""
    return isinstance(unit, Maximum) and len(unit.sources) > 2


def bit_count(unit: Unit) -> int:
    """Return the number of pattern bits of a unit."""
    if isinstance(unit, Bend):
        return len(unit.breakpoints)
    return len(unit.sources) if is_group(unit) else 1


def switches_of(unit: Unit) -> list[Switch]:
    """Return the switches of a unit, exponents still missing."""
    if isinstance(unit, Bend):
        return [Switch(unit.bit + i, unit.source, -1, t, 0) for i, t in enumerate(unit.breakpoints)]
    return [] if is_group(unit) else [Switch(unit.bit, unit.sources[1], unit.sources[0], 0, 0)]


def scale_exponents(value: object, count: int) -> list[int]:
    """Return the scales of a stage."""
    if not isinstance(value, list) or len(value) != count:
        reject(f"HEAD scales: expected {count} integers for a stage, got {shown(value)}")
    if any(type(scale) is not int or abs(scale) > LARGEST_SCALE for scale in value):
        reject(f"HEAD scales: expected integers up to {LARGEST_SCALE}, got {shown(value)}")
    return value


def line_values(stage: Stage, entries: Sequence[int], one: int) -> list[int]:
    """Return the lines at given results of the previous stage, with ``one`` for the constant 1."""
    sums = [sum(map(mul, weights, pick(entries))) for weights, pick in stage.weights]
    return [total + one * bias for total, bias in zip(sums, stage.biases, strict=True)]


# -------------------------------------------------------------------------------- the network at a point


def network_at(network: Network, domain: Domain, point: Vector) -> tuple[int, int, list[int]]:
    """Run the network at a point, knowing nothing of any proof.

    Returns:
        The pattern; the bits whose function is zero at the point (of a group: the lines that tie with the
        winner); the output, over the last stage's denominator times the point's.
    """
    one, pattern, zeros = point[-1], 0, 0
    entries = [sum(map(mul, line, point)) for line in domain.inputs]
    lines: list[int] = []
    for stage in network.stages:
        lines, entries = line_values(stage, entries, one), []
        for unit in stage.units:
            result, bits, ties = (bend_at if isinstance(unit, Bend) else maximum_at)(unit, lines, one)
            entries.append(result if isinstance(unit, Bend) else result * stage.slope_denominator)
            pattern |= bits << unit.bit
            zeros |= ties << unit.bit
    return pattern, zeros, lines


def bend_at(bend: Bend, lines: Sequence[int], one: int) -> tuple[int, int, int]:
    """Return value, bits and zero bits of a bend at a point."""
    value, piece, ties = lines[bend.source], 0, 0
    for index, breakpoint_ in enumerate(bend.breakpoints):
        piece += value >= breakpoint_ * one
        ties |= (value == breakpoint_ * one) << index
    return bend.slopes[piece] * value + bend.intercepts[piece] * one, (1 << piece) - 1, ties


def maximum_at(maximum: Maximum, lines: Sequence[int], _one: int) -> tuple[int, int, int]:
    """Return value, bits and tie bits of a maximum at a point."""
    values = [lines[source] for source in maximum.sources]
    largest = max(values)
    tied = sum(1 << position for position, value in enumerate(values) if value == largest)
    winner = tied.bit_length() - 1
    if is_group(maximum):
        return largest, 1 << winner, tied ^ (1 << winner)
    return largest, winner, int(tied == 3)


# ------------------------------------------------------------------------------- the network on a whole cell


def lines_on(stage: Stage, columns: Iterable[Sequence[int]]) -> list[Vector]:
    """Return the lines of a stage as affine functions, from the columns of the results before it."""
    *linear, constant = columns
    sums = [line_values(stage, column, 0) for column in linear]
    return list(zip(*sums, line_values(stage, constant, 1), strict=True))


def result_on(unit: Unit, stage: Stage, lines: list[Vector], pattern: int) -> Vector:
    """Return the result of a unit as an affine function, where the pattern holds."""
    if isinstance(unit, Maximum):
        line, slope, intercept = lines[unit.sources[winner_of(unit, pattern)]], stage.slope_denominator, 0
    else:
        piece = piece_of(unit, pattern)
        line, slope, intercept = lines[unit.source], unit.slopes[piece], unit.intercepts[piece]
    if slope == 1 and not intercept:
        return line
    *linear, constant = line
    return (*[slope * c for c in linear], slope * constant + intercept)


def piece_of(bend: Bend, pattern: int) -> int:
    """Return the piece of a bend: bits must be 1 up to it."""
    bits = pattern >> bend.bit & ((1 << len(bend.breakpoints)) - 1)
    if bits & (bits + 1):
        reject("a unit was decided above a breakpoint and below a smaller one")
    return bits.bit_length()


def winner_of(maximum: Maximum, pattern: int) -> int:
    """Return the position of the winner."""
    if not is_group(maximum):
        return pattern >> maximum.bit & 1
    return (pattern >> maximum.bit & ((1 << len(maximum.sources)) - 1)).bit_length() - 1


def switch_function(switch: Switch, lines: list[Vector]) -> Vector:
    """Return the switch's affine function, over the stage's denominator."""
    line = lines[switch.plus]
    if switch.minus >= 0:
        return tuple(map(sub, line, lines[switch.minus]))
    return (*line[:-1], line[-1] - switch.shift) if switch.shift else line


def is_multiple(function: Vector, of: Vector) -> bool:
    """Whether a function is a multiple of another, which is not zero; zero is one."""
    position = next(index for index, entry in enumerate(of) if entry)
    left, right = of[position], function[position]
    return all(left * a == right * b for a, b in zip(function, of, strict=True))


# ----------------------------------------------------------------------------------------------- the proof


class Node:
    """A node of the proof.

    Attributes:
        lines: Of every stage up to the node's, as affine functions.
        undecided: Bits of the stage that are not decided yet, as a mask.
        upper: Pattern bits that are 1 so far.
        flat: Bits whose function is zero on the whole node (of a group: lines equal to the winner).
        rows: By number; None once pruned.
    """

    __slots__ = ("flat", "lines", "rows", "undecided", "upper")

    def __init__(self, lines: list, undecided: int, upper: int, flat: int, rows: list) -> None:
        self.lines: list[list[Vector]] = lines
        self.undecided = undecided
        self.upper = upper
        self.flat = flat
        self.rows: list[Row | None] = rows

    def copy(self) -> "Node":
        """Return a node that can go its own way."""
        return Node(self.lines.copy(), self.undecided, self.upper, self.flat, self.rows.copy())


@dataclass(slots=True)
class Choice:
    """A node at a CHOOSE record, and the position whose record comes next."""

    node: Node
    group: Maximum
    position: int


Task = Node | Choice
Goals = list[tuple[int, Vector, int]]  # sign, function, exponent


class Proof:
    """The walk over the records; one object checks one file, once."""

    def __init__(
        self, network: Network, domain: Domain, blocks: Blocks, digest: str, *, facets: bool
    ) -> None:
        self.network, self.domain, self.digest, self.has_facets = network, domain, digest, facets
        self.codes = stream(blocks.get("CODE", []), "h", "CODE")
        self.reals = stream(blocks.get("REAL", []), "d", "REAL")
        self.bigs = big_stream(blocks.get("BIGS", []))
        self.read_tables(blocks)
        self.cells = self.facets = self.edges = self.certificates = self.splits = self.choices = 0
        self.maps: list[int] = []  # for every cell the number of its affine map
        self.map_numbers: dict[tuple[Vector, ...], int] = {}
        self.parents: list[int] = []  # union-find over cells: the linear regions

    def read_tables(self, blocks: Blocks) -> None:
        """Read the tables, whose lengths must fit the stated counts."""
        done = read_json(only(blocks, "DONE"), "DONE")
        self.done, self.stat = done, read_json(only(blocks, "STAT"), "STAT")
        cells, words = natural(done["cells"], "DONE cells"), max(1, -(-self.network.bits // 64))
        self.stated_cells, self.pattern_bytes = cells, 8 * words
        self.patterns = only(blocks, "PATT")
        if len(self.patterns) != cells * self.pattern_bytes:
            reject(f"block PATT: {len(self.patterns)} bytes for {cells} cells of {words} words")
        self.witnesses = table(blocks, "WITN", "d", cells * self.domain.dimension)
        self.exact_points = read_json(only(blocks, "XPTS"), "XPTS")
        if not self.has_facets:
            return
        facets = natural(done["facets"], "DONE facets")
        self.across, self.facet_bits = table(blocks, "EDGE", "q", facets), table(blocks, "FACE", "i", facets)
        self.facet_starts = table(blocks, "FPTR", "q", cells + 1)
        self.regions = table(blocks, "REGI", "q", cells)
        if self.facet_starts[0] != 0:
            reject("block FPTR: does not start with 0")

    def run(self, progress: Progress | None) -> Report:
        """Follow the records to their end; an explicit stack keeps what is still to do."""
        stack: list[Task] = [self.root()]
        while stack:
            task = stack.pop()
            if isinstance(task, Choice):
                self.divide(task, stack)
            else:
                self.follow(task, stack)
                if progress and self.cells % 64 == 0:
                    progress(self.cells, self.stated_cells)
        return self.finish()

    def root(self) -> Node:
        """Return the whole domain, at the first stage."""
        first = self.network.stages[0]
        lines = lines_on(first, zip(*self.domain.inputs, strict=True))
        return Node([lines], first.bits, 0, 0, list(self.network.domain_rows))

    def follow(self, node: Node, stack: list[Task]) -> None:
        """Follow a path down to its cell, or to a choice; what branches off goes on the stack."""
        while True:
            self.advance(node)
            code = self.code()
            if code in (DROP, DROPX, DROPI):
                self.drop(node, code)
            elif code in (PRUNE, PRUNEX, PRUNEI):
                self.prune(node, code)
            elif code == SPLIT:
                stack.append(self.split(node))
            elif code == CHOOSE:
                stack.append(self.choose(node))
                return
            elif code in (CELL, CELLX):
                self.cell(node, exact=code == CELLX)
                return
            else:
                self.fail(f"record {code} does not belong here")

    def fail(self, reason: str) -> NoReturn:
        """Reject, saying where."""
        reject(f"proof, before cell {self.cells} ends: {reason}")

    # ------------------------------------------------------------------------------------ reading streams

    def code(self) -> int:
        """Return the next code."""
        value = next(self.codes, None)
        return self.fail("CODE ends early") if value is None else value

    def take(self, source: Iterator, count: int, tag: str) -> list:
        """Return the next numbers of a stream."""
        values = list(islice(source, count))
        return values if len(values) == count else self.fail(f"{tag} ends early")

    def ratios(self, count: int) -> list[tuple[int, int]]:
        """Return the next numbers of REAL as numerators and denominators, which are powers of two."""
        try:
            return [value.as_integer_ratio() for value in self.take(self.reals, count, "REAL")]
        except (OverflowError, ValueError):
            return self.fail("REAL: a number that is not finite")

    def multipliers(self, count: int, *, exact: bool) -> list[tuple[int, int]]:
        """Return the next numbers as pairs (n, e): n * 2**e."""
        if exact:
            return [(value, 0) for value in self.take(self.bigs, count, "BIGS")]
        return [(above, 1 - below.bit_length()) for above, below in self.ratios(count)]

    def point(self, *, exact: bool) -> Vector:
        """Return the next point."""
        dimension = self.domain.dimension
        if exact:
            values = self.take(self.bigs, dimension + 1, "BIGS")
            return tuple(values) if values[-1] > 0 else self.fail("a point's denominator is not positive")
        ratios = self.ratios(dimension)
        common = max(below for _, below in ratios)
        return (*(above * (common // below) for above, below in ratios), common)

    def positions(self, bound: int, *, least: int = 0) -> list[int]:
        """Return a list of different numbers below ``bound``, preceded by its length."""
        count = self.code()
        if not least <= count <= bound:
            self.fail(f"a list of {count} numbers, expected {least} to {bound}")
        values = self.take(self.codes, count, "CODE")
        if values and (min(values) < 0 or max(values) >= bound or len(set(values)) != count):
            self.fail(f"expected different numbers from 0 to {bound - 1}, got {shown(values)}")
        return values

    # --------------------------------------------------------------------------------------- certificates

    def certify(self, node: Node, goals: Goals, *, exact: bool, implied: bool = False) -> None:
        """Read rows and multipliers, and check with them that the goals are not positive on the node."""
        numbers = self.positions(len(node.rows))
        rows = [node.rows[number] for number in numbers]
        if None in rows:
            self.fail(f"row {numbers[rows.index(None)]} is out of use")
        terms = goals + [(1, row.vector, row.exponent) for row in rows]
        weights = self.implied(terms) if implied else self.stated(terms, exact=exact)
        if any(weight <= 0 for weight in weights[: len(goals)]):
            self.fail("a theta is not positive")
        if any(weight < 0 for weight in weights):
            self.fail("a multiplier is negative")
        total = [
            sum(weight * sign * c for weight, (sign, _, _), c in zip(weights, terms, column, strict=True))
            for column in zip(*(vector for _, vector, _ in terms), strict=True)
        ]
        if self.largest_on_box(total) > 0:
            self.fail("a certificate does not add up")
        self.certificates += 1

    def stated(self, terms: Goals, *, exact: bool) -> list[int]:
        """Read the multipliers, and return them as integers that go with the vectors of the terms."""
        multipliers = self.multipliers(len(terms), exact=exact)
        exponents = [e + term[2] for (_, e), term in zip(multipliers, terms, strict=True)]
        least = min(exponents)
        return [value << e - least for (value, _), e in zip(multipliers, exponents, strict=True)]

    def implied(self, terms: Goals) -> list[int]:
        """Return the multipliers with which the rows cancel the one goal's coefficients."""
        (sign, goal, _), *rows = terms
        weights = cancelling([sign * c for c in goal[:-1]], [row[1][:-1] for row in rows])
        return self.fail("the rows do not determine their multipliers") if weights is None else weights

    def largest_on_box(self, function: Sequence[int]) -> int:
        """Return the largest value on the bounding box, times the box's denominator."""
        value = function[-1] * self.domain.denominator
        for coefficient, low, high in zip(function, self.domain.lower, self.domain.upper):  # noqa: B905
            value += coefficient * (high if coefficient > 0 else low)
        return value

    def is_in_box(self, point: Vector) -> bool:
        """Whether a point is strictly inside the bounding box."""
        one, common = point[-1], self.domain.denominator
        corners = zip(point, self.domain.lower, self.domain.upper)  # noqa: B905
        return all(low * one < common * value < high * one for value, low, high in corners)

    # -------------------------------------------------------------------------------------------- records

    def advance(self, node: Node) -> None:
        """Go on to the next stage while everything is decided."""
        stages = self.network.stages
        while not node.undecided and len(node.lines) < len(stages):
            stage, following = stages[len(node.lines) - 1], stages[len(node.lines)]
            results = [result_on(unit, stage, node.lines[-1], node.upper) for unit in stage.units]
            node.lines.append(lines_on(following, zip(*results, strict=True)))
            node.undecided = following.bits

    def undecided_switch(self, node: Node) -> tuple[Stage, Switch]:
        """Read the number of a switch of the node's stage, not yet decided."""
        stage, number = self.network.stages[len(node.lines) - 1], self.code()
        if not 0 <= number < len(stage.switches):
            self.fail(f"switch {number} of a stage with {len(stage.switches)}")
        switch = stage.switches[number]
        if not node.undecided >> switch.bit & 1:
            self.fail(f"switch {number} is decided twice")
        return stage, switch

    def drop(self, node: Node, code: int) -> None:
        """Decide a switch on the whole node."""
        stage, switch = self.undecided_switch(node)
        side = self.code()
        if side not in (0, 1):
            self.fail(f"side {side}")
        function = row_vector(switch_function(switch, node.lines[-1]), stage)
        is_zero = not any(function)
        if is_zero and side == 0:
            self.fail("a switch whose function is zero was decided lower")
        goals = [(1 - 2 * side, function, switch.exponent)]
        self.certify(node, goals, exact=code == DROPX, implied=code == DROPI)
        node.undecided ^= 1 << switch.bit
        node.upper |= side << switch.bit
        node.flat |= is_zero << switch.bit

    def split(self, node: Node) -> Node:
        """Make a node its lower half, and return the upper one."""
        stage, switch = self.undecided_switch(node)
        function = row_vector(switch_function(switch, node.lines[-1]), stage)
        if not any(function):
            self.fail("SPLIT by a switch whose function is zero")
        bit = 1 << switch.bit
        node.undecided ^= bit
        upper = node.copy()
        upper.upper |= bit
        upper.rows.append(Row(function, switch.exponent, switch.bit, bit))
        node.rows.append(Row(tuple(-c for c in function), switch.exponent, switch.bit, bit))
        self.splits += 1
        return upper

    def prune(self, node: Node, code: int) -> int:
        """Take a row out of use that the others imply; return its number."""
        number = self.code()
        if not len(self.network.domain_rows) <= number < len(node.rows):
            self.fail(f"PRUNE of row {number}")
        row = node.rows[number]
        if row is None:
            self.fail(f"row {number} is pruned twice")
        node.rows[number] = None
        goals = [(-1, row.vector, row.exponent)]
        self.certify(node, goals, exact=code == PRUNEX, implied=code == PRUNEI)
        return number

    def choose(self, node: Node) -> Choice:
        """Begin to divide a node among the lines of a group."""
        stage, number = self.network.stages[len(node.lines) - 1], self.code()
        group = stage.groups.get(number)
        if group is None:
            self.fail(f"CHOOSE of unit {number}, which is no group of this stage")
        if not node.undecided >> group.bit & 1:
            self.fail(f"group {number} is decided twice")
        self.choices += 1
        return Choice(node, group, 0)

    def divide(self, choice: Choice, stack: list[Task]) -> None:
        """Read the record of one position of a group."""
        size, position = len(choice.group.sources), choice.position
        if position == size:
            return
        choice.position += 1
        stack.append(choice)
        code, named = self.code(), self.code()
        if code not in (LOSES, LOSESX, WINS) or named != position:
            self.fail(f"expected LOSES or WINS of position {position}, got record {code} of {named}")
        rivals = self.positions(size, least=int(code != WINS))
        if position in rivals:
            self.fail(f"position {position} against itself")
        if code == WINS:
            stack.append(self.win(choice.node, choice.group, position, rivals))
        else:
            self.lose(choice.node, choice.group, position, rivals, exact=code == LOSESX)

    def difference(self, node: Node, group: Maximum, i: int, c: int) -> Vector:
        """Return ``z_i - z_c`` as the vector of a row."""
        lines = node.lines[-1]
        function = tuple(map(sub, lines[group.sources[i]], lines[group.sources[c]]))
        return row_vector(function, self.network.stages[len(node.lines) - 1])

    def lose(self, node: Node, group: Maximum, i: int, rivals: list[int], *, exact: bool) -> None:
        """Check that a line of a group wins nowhere on the node."""
        exponent = self.network.stages[len(node.lines) - 1].exponent
        functions = [self.difference(node, group, i, c) for c in rivals]
        if any(c < i and not any(function) for c, function in zip(rivals, functions, strict=True)):
            self.fail(f"position {i} loses to an equal line at a smaller position")
        self.certify(node, [(1, function, exponent) for function in functions], exact=exact)

    def win(self, node: Node, group: Maximum, i: int, rivals: list[int]) -> Node:
        """Return the part of a node where a line of a group wins."""
        if rivals != sorted(rivals):
            self.fail("WINS: positions not in ascending order")
        exponent = self.network.stages[len(node.lines) - 1].exponent
        child, listed = node.copy(), set(rivals)
        for c in range(len(group.sources)):
            function = self.difference(node, group, i, c)
            is_zero = not any(function)
            if c == i:
                child.upper |= 1 << group.bit + i
            elif c in listed and not is_zero:
                child.rows.append(
                    Row(function, exponent, group.bit + c, 1 << group.bit + i | 1 << group.bit + c)
                )
            elif c not in listed and is_zero and c < i:
                child.flat |= 1 << group.bit + c
            else:
                self.fail(f"WINS of position {i}: position {c} must be listed, or equal and smaller")
        child.undecided ^= (1 << group.bit + len(group.sources)) - (1 << group.bit)
        return child

    # ----------------------------------------------------------------------------------- cells and facets

    def cell(self, node: Node, *, exact: bool) -> None:
        """Check the witness of a cell, then its facets."""
        if node.undecided or len(node.lines) < len(self.network.stages):
            self.fail("CELL, but not everything is decided")
        number = self.cells
        if number >= self.stated_cells:
            self.fail(f"more cells than the {self.stated_cells} stated")
        point = self.point(exact=exact)
        self.expect_listed(number, point, exact=exact)
        self.expect_inside(node, point)
        if self.pattern(number) != node.upper:
            self.fail("PATT has another pattern")
        self.maps.append(self.map_numbers.setdefault(tuple(node.lines[-1]), len(self.map_numbers)))
        self.parents.append(number)
        if self.has_facets:
            self.check_facets(node, number)
        self.cells += 1

    def expect_listed(self, cell: int, point: Vector, *, exact: bool) -> None:
        """WITN and XPTS have the witness."""
        *above, one = point
        dimension = self.domain.dimension
        listed = self.witnesses[cell * dimension : (cell + 1) * dimension].tolist()
        if exact:
            values = [Fraction(value, one) for value in above]
            if vector(self.exact_points.pop(str(cell), None), dimension) != values:
                self.fail("XPTS has another witness")
        if listed != [value / one for value in above]:
            self.fail("WITN has another witness")

    def expect_inside(self, node: Node, point: Vector) -> None:
        """The point is inside the domain, and the network there does what the proof says of the node."""
        if not self.is_in_box(point) or any(dot(row.vector, point) <= 0 for row in self.network.domain_rows):
            self.fail("the witness is not inside the domain")
        pattern, zeros, outputs = network_at(self.network, self.domain, point)
        if zeros != node.flat:
            self.fail("the witness is on a switching hyperplane")
        if pattern != node.upper:
            self.fail("the network has another pattern at the witness")
        if [dot(line, point) for line in node.lines[-1]] != outputs:
            self.fail("the network has another value at the witness")

    def pattern(self, cell: int) -> int:
        """Return the pattern that PATT states."""
        return int.from_bytes(
            self.patterns[cell * self.pattern_bytes : (cell + 1) * self.pattern_bytes], "little"
        )

    def check_facets(self, node: Node, cell: int) -> None:
        """Every row still in use is a facet or pruned now."""
        for number in range(len(self.network.domain_rows), len(node.rows)):
            if node.rows[number] is None:
                continue
            code = self.code()
            if code in (PRUNE, PRUNEX, PRUNEI):
                if self.prune(node, code) != number:
                    self.fail(f"expected a PRUNE of row {number}")
            elif code in (FACET, FACETX):
                if self.code() != number:
                    self.fail(f"expected a FACET of row {number}")
                self.check_facet(node, number, exact=code == FACETX)
                self.check_neighbour(node, cell, node.rows[number])
            else:
                self.fail(f"expected a PRUNE or FACET of row {number}, got record {code}")
        if self.facet_starts[cell + 1] != self.facets:
            self.fail(f"FPTR has {self.facet_starts[cell + 1]} facets up to here, found {self.facets}")

    def check_facet(self, node: Node, number: int, *, exact: bool) -> None:
        """A point is beyond this row alone."""
        point = self.point(exact=exact)
        if dot(node.rows[number].vector, point) >= 0:
            self.fail(f"FACET: the point is not beyond row {number}")
        for other, row in enumerate(node.rows):
            if row is not None and other != number and dot(row.vector, point) <= 0:
                self.fail(f"FACET: the point is not strictly inside row {other}")
        if not self.is_in_box(point):
            self.fail("FACET: the point is not inside the bounding box")

    def check_neighbour(self, node: Node, cell: int, row: Row) -> None:
        """The cell that EDGE names lies across the facet in this row."""
        facet = self.facets
        if facet >= len(self.across):
            self.fail(f"more facets than the {len(self.across)} stated")
        across = self.across[facet]
        if not 0 <= across < self.stated_cells:
            self.fail(f"EDGE: cell {across} of {self.stated_cells}")
        if self.facet_bits[facet] != row.bit:
            self.fail(f"FACE: bit {self.facet_bits[facet]} stated, {row.bit} found")
        changed = node.upper ^ self.pattern(across)
        if changed != row.crossed and not self.changes_only_across(node, row, changed):
            self.fail(f"EDGE: cell {across} is not across the facet")
        self.facets += 1
        if across < cell:
            self.edges += 1
            if self.maps[across] == self.maps[cell]:
                self.join(across, cell)

    def changes_only_across(self, node: Node, row: Row, changed: int) -> bool:
        """Whether bits change, and all their functions on the node are multiples of the row's."""
        if not changed or changed >> self.network.bits:
            return False
        bits = [bit for bit in range(self.network.bits) if changed >> bit & 1]
        return all(is_multiple(self.function_of_bit(node, bit), row.vector) for bit in bits)

    def function_of_bit(self, node: Node, bit: int) -> Vector:
        """Return the function of a bit on the node; of a line in a group, the winner minus that line."""
        index, owner = self.network.owners[bit]
        lines = node.lines[index]
        if isinstance(owner, Switch):
            return switch_function(owner, lines)
        winner = lines[owner.sources[winner_of(owner, node.upper)]]
        return tuple(map(sub, winner, lines[owner.sources[bit - owner.bit]]))

    # ----------------------------------------------------------------------------------------- the end

    def join(self, a: int, b: int) -> None:
        """Put two cells in one linear region; the smallest cell stands for a region."""
        a, b = self.find(a), self.find(b)
        self.parents[max(a, b)] = min(a, b)

    def find(self, cell: int) -> int:
        """Return the cell that stands for the linear region of a cell."""
        while self.parents[cell] != cell:
            self.parents[cell] = cell = self.parents[self.parents[cell]]
        return cell

    def finish(self) -> Report:
        """Nothing is left over, and all counts are those found."""
        for source, tag in ((self.codes, "CODE"), (self.reals, "REAL"), (self.bigs, "BIGS")):
            if next(source, None) is not None:
                reject(f"{tag} has numbers left over at the end of the proof")
        if self.exact_points:
            reject(f"XPTS: no exact witness belongs to {shown(list(self.exact_points))}")
        if not self.cells:
            reject("the domain has no interior")
        regions = self.count_regions() if self.has_facets else None
        facets, edges = (self.facets, self.edges) if self.has_facets else (None, None)
        if edges is not None and facets != 2 * edges:
            reject(f"{facets} facets, but {edges} edges")
        found = {"cells": self.cells, "facets": facets, "edges": edges, "linear_regions": regions}
        for field, count in found.items():
            expect_count(self.done[field], count, f"DONE {field}")
            if field != "facets":
                expect_count(self.stat.get(field), count, f"STAT {field}")
        return Report(
            complete=True,
            dimension=self.domain.dimension,
            units=self.network.units,
            certificates=self.certificates,
            splits=self.splits,
            choices=self.choices,
            sha256=self.digest,
            **found,
        )

    def count_regions(self) -> int:
        """Return the number of linear regions, once REGI is found to be right."""
        labels: dict[int, int] = {}
        for cell in range(self.cells):
            label = labels.setdefault(self.find(cell), len(labels))
            if self.regions[cell] != label:
                reject(f"REGI: cell {cell} is in linear region {label}, not {self.regions[cell]}")
        return len(labels)


def dot(function: Vector, point: Vector) -> int:
    """Return the value at a point, times positive denominators."""
    return sum(map(mul, function, point))


def cancelling(goal: Sequence[int], rows: Sequence[Sequence[int]]) -> list[int] | None:
    """Return integers with ``w_0 goal + sum w_i row_i = 0`` and w_0 > 0, if the square system has one solution.

    Elimination without fractions (Bareiss 1968); whoever uses the result adds it up again.
    """
    size = len(goal)
    if len(rows) != size:
        return None
    system = [[*(row[j] for row in rows), -goal[j]] for j in range(size)]
    pivot = 1
    for step in range(size):
        found = next((i for i in range(step, size) if system[i][step]), None)
        if found is None:
            return None
        system[step], system[found] = system[found], system[step]
        leading, last = system[step], pivot
        pivot = leading[step]
        for i, row in enumerate(system):
            if i != step:
                factor = row[step]
                system[i] = [(pivot * a - factor * b) // last for a, b in zip(row, leading, strict=True)]
    sign = 1 if pivot > 0 else -1
    return [abs(pivot), *(sign * row[-1] for row in system)]


def row_vector(function: Vector, stage: Stage) -> Vector:
    """Return a function of a stage as the vector of a `Row`."""
    return function if stage.factor == 1 else tuple(stage.factor * c for c in function)


def table(blocks: Blocks, tag: str, kind: str, length: int) -> array:
    """Return a table of a given length."""
    values = numbers_of(only(blocks, tag), kind, tag)
    if len(values) != length:
        reject(f"block {tag}: {len(values)} numbers, expected {length}")
    return values


# --------------------------------------------------------------------------------------------- command line


def main(words: list[str] | None = None) -> int:
    """Check a file and say what came out; return the exit code."""
    parser = argparse.ArgumentParser(description="Check the proof in a .cpa file.")
    parser.add_argument("file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(words)
    progress = ProgressLine() if sys.stderr.isatty() else None
    try:
        report = check(options.file, progress)
        code, verdict = 0, {"verdict": "proved", **asdict(report)}
    except Rejected as problem:
        report, code, verdict = f"rejected: {problem}", 1, {"verdict": "rejected", "reason": str(problem)}
    except Unreadable as problem:
        report, code, verdict = f"misuse: {problem}", 2, {"verdict": "misuse", "reason": str(problem)}
    if progress:
        progress.clear()
    print(
        json.dumps(verdict) if options.json else report,
        file=sys.stderr if code == 2 and not options.json else None,
    )
    return code


class ProgressLine:
    """A line on stderr that says how far the check has come."""

    def __init__(self) -> None:
        self.start = self.last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Rewrite the line, a few times a second."""
        now = time.monotonic()
        if now - self.last > 0.25:
            self.last = now
            rate = done / (now - self.start)
            print(
                f"\rchecked {done} of {total} cells, {rate:.0f} a second ",
                end="",
                file=sys.stderr,
                flush=True,
            )

    def clear(self) -> None:
        """Remove the line."""
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
