r"""Checker: decides whether a .cpa file proves what it states.  Trusted, alone, standard library only.

Run it by itself, ``python -I -S exactcpa/checker.py FILE [--workers N] [--json]`` (exit 0 proved, 1 rejected, 2
misuse: no such file, not a .cpa file of this version, no proof inside; or the check was cut short), or call
``check(path)``, which returns a `Report` or raises `Rejected`, `Unreadable` or `Unfinished`.  Nothing here is
taken on trust: the network is read and lowered again, every certificate is added up in integers, the network is
run at every witness.  A float is the dyadic rational it stores; no decision rests on float arithmetic.  Square
roots of the ideal reading are enclosed by rationals, and where enclosures decide nothing, by formal arithmetic.
This text is the specification of the file format.


The statement
-------------
A network is a continuous piecewise-affine function; a domain is a bounded polyhedron with interior, in
R^d.  Each *unit* has finitely many pieces and takes one at every point; the *pattern* of a point lists
them.  A *cell* is the set of one pattern within the domain, if that has interior.  A file that passes
proves: its cells are all the cells, each is listed once, with a point strictly inside; its facets are all
their facets inside the domain, and across each lies the cell that EDGE names; its linear regions are the
classes of cells joined through facets with equal affine maps of the whole network.  (The last two only if
HEAD says ``"facets": true``.)  If it has the block MARG, it also proves how far a point is from all points of
another class.


Numbers and the network
-----------------------
JSON numbers: an integer up to 2^53 in magnitude; a literal with point or exponent, which is the double
nearest to it; or a string, which is exact: ``"-7" "0.1" "1e-5" "0x1.8p-3"``, or a quotient of two, ``"1/3"
"0x1f/0x7"``.  A decimal has at most 4000 digits and an exponent of at most 100,000, a hexadecimal one of at most
1,000,000.  Objects have exactly the fields named here, none twice.  There are at most 2^20 coordinates between two
layers, and residual blocks are nested at most 256 deep.  A layer, by its ``type``:

    linear      weight (n x m), bias (n)
    batchnorm   mean, variance, gamma, beta (n each), epsilon:  x -> (x - mean) * s + beta, where s is the
                double nearest to gamma / sqrt(variance + epsilon), ties to even; all else is exact.  So in
                the deployed reading; in the ideal one, see below, s is the real number
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


The ideal reading
-----------------
Every scale is the real number gamma / root, where root = sqrt(variance + epsilon) must be positive.  A batchnorm
may then stand there without statistics, with the fields gamma, beta (n each), epsilon and pixels: mean and
variance (divided by the number of values) are those of its inputs when the *batch* in HEAD goes through the
network, each such layer normalising by the batch's own statistics; every ``pixels`` consecutive coordinates
share theirs.  All of this in real numbers, so that from the second such layer on the roots are nested.

A coordinate between two layers is a line times a positive *factor*, at first 1.  A batchnorm multiplies the
factor in, which gives p, and makes the line gamma * (p - mean) + beta * root and the factor 1 / root.  relu,
abs, leaky_relu and prelu apply to the line, and the factor stays, for they are positively homogeneous; flatten
changes nothing.  All other layers, the end of a residual block and the end of the network begin by multiplying
the factors in.  Lines of a stage are those its activation applies to.  So the switch of a relu after a batchnorm
is gamma * (p - mean) + beta * root, rational in a first layer without beta.


The file
--------
``exactcpa-partition 1\n``, then blocks: tag (4 bytes), CRC-32 of the payload (uint32), its length (uint64),
payload.  All little-endian.  Payloads of equal tags are parts of one stream; no number is cut by a block's
end.

    HEAD  once, first.  JSON: format "exactcpa-partition", version 1, generator (text), method (text), network
          {format "exactcpa-network", version 1, input, layers}, domain, bounding_proof, reading "deployed"
          or "ideal", proof (bool), facets (bool), scales: for every stage (the output, too) one integer per
          switch.  Only if ideal: batch, null or a list of points of ``input`` numbers
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
    MARG  JSON      only if a margin is stated, see below
    STAT  JSON      cells, edges*, linear_regions*, perhaps dimension, units (their number), reading, certified
                    (true); and anything else
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
those of the records on the path to the node.  A node lies in its *box*: the bounding box, or that of the last
BOUND on the path.  At a node some switches and groups of its stage are decided.  Once all are, the node goes on
in the next stage, without a record.  F is the switch's f on the node times 2^scales[stage][switch].

    1 DROP   [switch, side, k, rows..]  REAL theta, lambda..   the switch is decided without a cut:
             side 0: lower, G = F, which must not be the zero function;  side 1: upper, G = -F
   19 BOUND  [k_1, rows.., k_2, rows.., .., k_2d, rows..]  REAL for every k >= 0 bound, lambda..   a new box:
             of every coordinate the lower end, with G = bound - x_j, then the upper end, with G = x_j - bound;
             theta is 1.  Where k is -1 the end stays.  Lower ends are less than upper ends
   20 SETTLE [m masks of 16 bits, m masks]  m = ceil(switches of the stage / 16): switches of the stage, each as
             by DROP with theta = 1 and k = 0.  Switch i is one of them if bit i % 16 of mask i // 16 of the first
             m is 1; bit and mask of the others are its side
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
on the node's box; of PRUNE, on the bounding box, for the row itself may have given the node its box.  All
streams are used up at the end.

Ties, where the multipliers need not be rational, have records of their own, without numbers:

   16 DROPT  [switch, side, k, rows..]    17 PRUNET [row, k, rows..]    18 LOSEST [i, q, c_1..c_q, k, rows..]
             DROP, PRUNE and LOSES where the listed slacks f and, for LOSEST, the leads z_i - z_{c_j} with
             j >= 2 are linearly independent as vectors of d coefficients and a constant, and G (for LOSEST
             z_i - z_{c_1}) is  - sum lambda f  with every lambda > 0.  Here a row -1 - j is x_j minus the lower
             end of the bounding box, and -1 - d - j the upper end minus x_j.  Where a number is not rational
             there are at most 16 f


The margin
----------
MARG states the distance of a point to the nearest point of another class.  Only in the deployed reading.

    domain    as in HEAD, and in the same coordinates: of a slice, origin and basis equal those of HEAD
    point     x: d numbers, in the domain
    norm      "1", "2", "inf": of v the sum, the root of the sum of squares, the maximum of all |v_j| / w_j
    weights   w: d numbers > 0
    outputs   {kind "classes"}: two outputs f_0, f_1, .. or more;  {kind "threshold", value}: one output f, of
              which f_0 = 0 and f_1 = f - value are made
    class     c with f_c(x) > f_j(x) for all other j;  >= will do if value is 0
    value     the distance r, for norm "2" its square;  null: no other class
    nearest   a point of the domain at this distance from x;  null if value is
    rival     a class j other than c with f_j >= f_c at the nearest point;  null if value is
    cells     for every cell in order a list that has for every class j other than c one entry
              [j, theta, [[k, lambda], ..]] with theta > 0 and all lambda >= 0;  [] if value is 0

It says that r is the least distance from x to any y of the domain with f_j(y) >= f_c(y) for some j other than c;
with null, that there is none.  The partition is of HEAD's domain, which may be smaller: x needs only the *ball* of
all y with a distance < r.  So every slack of HEAD's domain (x_j - lower_j and upper_j - x_j of a box, b_i - A_i x
of a polytope) is a slack of the domain, number for number; or, if value is not null, minus it is *negative on the
ball*.  (Nothing of this if value is 0.)

An entry's sum  A = theta (f_j - f_c) + sum lambda s_k  is negative on the ball; if value is null, on HEAD's bounding
box.  For k >= 0, s_k belongs to bit k: z - t_i if the bit is 1, t_i - z if it is 0; of a maximum of two z_1 - z_0 or
z_0 - z_1; of a group the winner's line minus that of bit k.  For k = -1 - j it is x_j minus the lower end of HEAD's
bounding box, for k = -1 - d - j the upper end minus x_j, and for k = -1 - 2 d - i it is b_i - A_i x of HEAD's
polytope.  All in the network's own numbers, without scales.  *Negative on the ball* is a function A with gradient
a if A(x) < 0 and

    norm "1"  r max w_j |a_j| <= -A(x);   "inf"  r sum w_j |a_j| <= -A(x);   "2"  r^2 sum (w_j a_j)^2 <= A(x)^2


Why this is enough
------------------
1. Certificates (Farkas).  On the node slacks are >= 0 and points are in its box, so G <= 0; so a new box
   has the whole node, too, and all nodes below, which are parts of it.  Of a tie the multipliers exist by
   Cramer's rule: some minor of the k functions is not zero, its quotients with those where G replaces one f
   have the right signs, and all minors with one more column and G are zero.
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
8. Factors.  c > 0 has a(c z) = c a(z) for the four activations that use lines without factors.  So units take the
   same piece, results differ by c, and once factors are multiplied in all lines are the network's own.
9. Real numbers.  Every number of a network in the ideal reading is enclosed (`Enclosure`: integers rounded
   outward).  Integers near the lines, with a bound on how far off they are on any cell (`line_errors`), decide
   every question whose answer no numbers so near could change.  What they leave open is computed again with sums
   of rationals times products of roots (`Real`), from the network and the pattern alone.  Such a sum is zero if it
   is formally, and for roots of rationals only then (`is_zero`); if it is not found to be zero its sign is read off
   an enclosure, as fine as needed.  One with nested roots that 8192 bits do not tell from zero is never guessed:
   the file is rejected.  When the batch is run in enclosures and the piece of a unit stays open, the hull of what
   the pieces give holds the value.
10. Margins.  A(y) is at most A(x) plus the distance of y times the dual norm of a, so < 0 on the ball.  So where the
   domain is in the ball, it is in HEAD's domain, hence in the closed cells.  There slacks are >= 0, and if f_j >= f_c,
   so is A: there is no such point.  The nearest point, where the network itself is run, shows that r is reached.
11. Affine maps are not kept, for there may be millions: of each cell a *fingerprint* is, a sum of the map's entries
   with fixed weights, divided by more than twice what errors can make of it, rounded down, modulo a prime.  Those of
   equal maps differ by at most 1; so where they differ by more, the maps differ.  Where not, the maps are compared
   themselves, from both patterns, and the pattern of every cell is what PATT says (see 3).
12. Several processes.  *Parts* are disjoint subtrees, in order, each with the places in the streams and the numbers
   of cells and facets where it begins and ends.  Every process reads the whole file, whose digest must be the same for
   all, and makes the one walk that a process alone would make, from the root and by the same code; but of the parts it
   passes over those of others, and goes on at their end.  Part i belongs to process i modulo their number.  The plan
   needs no trust: it is accepted only if every process meets every part where it begins, and the owner's walk through
   it ends where it ends.  By induction over the parts then, every process is, at each record it reads, with the
   same node, places and numbers as one process alone; so each record in a part is checked by its owner, each other one
   by all.  What is counted (certificates, cells with their fingerprints) counts at the owner, outside of parts at
   process 0; the cells that all have counted together must be 0, 1, 2, .. without gap or repetition.  A process that
   does not answer leaves the check without result.  What is about all cells at once (edges, linear regions, counts)
   is done at the end, with the tables that all these checks were about.


Large files
-----------
A file is mapped into memory, not read: streams a piece at a time, tables where they lie.  Of each cell 24 bytes are
kept, and 16 for every facet between cells with equal maps; besides those the JSON blocks (XPTS among them) and the
nodes of one path.  Its digest is taken before and after, so a file that changes meanwhile proves nothing.  Records
number rows, switches and units in 16 bits: a layer of more than 32767 of them has no proof of this version.


An example to check by hand: relu(x) + relu(x + 2) on -1 <= x <= 1
-------------------------------------------------------------------
Switches 0: x and 1: x + 2, scales 0.  CODE, REAL and what they say:

    20 2 2              SETTLE: 1 is upper.  -(x + 2) is at most -1 on the box
    3 0                 SPLIT by x.  Lower: row 0 is -x
    6          -0.5     CELL 0, pattern 0b10.  relu gives 0 + 1.5
    8 0         0.5     FACET in row 0: -(0.5) < 0; EDGE 1
    6           0.5     CELL 1 (upper: row 0 is x), pattern 0b11
    8 0        -0.5     FACET in row 0; EDGE 0

2 cells, 2 facets = 1 edge; maps x + 2 and 2 x + 2: 2 linear regions.


Main definitions:
    check: Path in, `Report` out.
    Rejected, Unreadable, Unfinished: Why not.
    lower_network: JSON to lines and units.
    Enclosure, Real, Field: Real numbers: enclosed, formal, and those of one network.
    Claim: What MARG states; `Margin`, once it is proved.
    Proof: The walk over the records.
    Scan, Crew: Subtrees, planned from the lengths of records; processes that check them.

Conventions:
    An affine function on R^d is a tuple of d coefficients and its constant, integers over a known
    denominator.  A point is a tuple of d numerators and the denominator, so that the sum of products is the
    value.  A slack is >= 0 inside.

References:
    Cheung, Gleixner and Steffy, Verifying integer programming results (2017): split and
    discharge as certificate.
    Schrijver, Theory of linear and integer programming (1986), section 7.3 (Farkas' lemma).
    Besicovitch, On the linear independence of fractional powers of integers (1940).

Not here:
    Anything of the package.  This file imports nothing of it, and nothing of it is needed to believe a proof.
"""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # beside this file lies a numbers.py that is not the standard library's

import argparse
import json
import math
import mmap
import multiprocessing
import os
import re
import signal
import struct
import threading
import time
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, partial, total_ordering
from hashlib import sha256
from itertools import accumulate, combinations, islice, pairwise, product
from multiprocessing.connection import Connection, wait
from operator import itemgetter, mul, sub
from typing import Any, NamedTuple, NoReturn

MAGIC, VERSION = b"exactcpa-partition ", b"1\n"
DROP, DROPX, SPLIT, PRUNE, PRUNEX, CELL, CELLX, FACET, FACETX, CHOOSE, LOSES, LOSESX, WINS = range(1, 14)
DROPI, PRUNEI, DROPT, PRUNET, LOSEST, BOUND, SETTLE = range(14, 21)
STATED, EXACT = (DROP, PRUNE, LOSES), (DROPX, PRUNEX, LOSESX)
DROPS, PRUNES = (DROP, DROPX, DROPI, DROPT), (PRUNE, PRUNEX, PRUNEI, PRUNET)

Vector = tuple[int, ...]
Progress = Callable[[int, int], None]


class Rejected(Exception):
    """The file does not prove what it states; the message says where it fails."""


class Unreadable(Exception):
    """There is nothing to check: no such file, not a .cpa file of this version, or no proof in it."""


class Unfinished(Exception):
    """The check did not come to its end: a worker process was lost, or the file changed.  Nothing is proved."""


@dataclass(frozen=True, slots=True)
class Margin:
    """How far a point was found to be from all points of another class.

    Attributes:
        point, norm, weights, value, nearest, rival: As MARG has them; ``value`` is the square for norm "2".
        point_class: The class at the point.
        text: All that in a sentence.
    """

    point: tuple
    point_class: int
    norm: str
    weights: tuple
    value: int | float | str | None
    nearest: tuple | None
    rival: int | None
    text: str


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
        reading: Of batch normalisation: "deployed" or "ideal".
        margin: The margin of a point; None if the file states none.
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
    reading: str
    margin: Margin | None = None

    def __str__(self) -> str:
        """Say it in two lines, or in three."""
        graph = "" if self.facets is None else f", {self.edges} edges, {self.linear_regions} linear regions"
        ideal = ", ideal reading" if self.reading == "ideal" else ""
        return (
            f"proved: {self.cells} cells{graph}; {self.units} units, dimension {self.dimension}; complete{ideal}\n"
            f"checked: {self.certificates} Farkas certificates, {self.splits} splits, {self.choices} "
            f"choices, {self.facets or 0} facet points, {self.cells} witnesses"
            + (f"\nmargin: {self.margin.text}" if self.margin else "")
        )


def check(path: Any, progress: Progress | None = None, *, workers: int = 1) -> Report:
    """Check the proof in a file.

    Args:
        path: The file.  It is mapped, not read into memory.
        progress: Called now and then with the number of cells checked and the number stated.
        workers: How many processes check parts of the proof; with 1 it is this one.

    Raises:
        Rejected: The file is damaged, or does not prove what it states.
        Unreadable: Nothing to check.
        Unfinished: A worker process was lost, or the file changed meanwhile.
        ValueError: No whole number of workers.
    """
    try:
        with open(path, "rb") as file:
            data = contents(file)
    except (OSError, ValueError, MemoryError) as problem:
        raise Unreadable(f"cannot read the file: {getattr(problem, 'strerror', None) or problem}") from None
    return check_bytes(data, progress, workers=workers, path=path)


def contents(file: Any) -> mmap.mmap | bytes:
    """Return what is in a file: mapped, or read if that cannot be (a pipe; nothing)."""
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return file.read()


def check_bytes(data: Any, progress: Progress | None = None, *, workers: int = 1, path: Any = None) -> Report:
    """Check the contents of a file; ``path`` is where a process that is not forked from this one finds them."""
    if type(workers) is not int or workers < 1:
        raise ValueError(f"expected workers to be a whole number from 1 on, got {shown(workers)}")
    try:
        proof = prepare(data)
        parts = divide_proof(proof, workers) if workers > 1 else []
        is_alone = len(parts) < 2
        found = (
            [proof.run(progress)] if is_alone else Crew(data, path, proof, parts, workers).gather(progress)
        )
        report = proof.finish(found)
        if read_blocks(data)[1] != proof.digest:
            raise Unfinished("the file was changed while it was being checked: nothing is proved")
    except (Rejected, Unreadable, Unfinished):
        raise
    except Exception as problem:
        raise unforeseen(problem) from problem
    return report


def unforeseen(problem: Exception) -> Exception:
    """Return what to raise of an error that a file led to: whatever it is, it is no proof."""
    if isinstance(problem, MemoryError):
        return Unfinished("to check the file takes more memory than there is: nothing is proved")
    return Rejected(f"malformed: {type(problem).__name__}: {str(problem)[:200]!a}")


def prepare(data: Any) -> "Proof":
    """Check all that stands before the proof: blocks, then network and domain."""
    blocks, digest = read_blocks(data)
    head = read_json(only(blocks, "HEAD"), "HEAD")
    expect_coordinates(head.get("network"), head.get("domain"))
    is_ideal = head.get("reading") == "ideal"
    expect_fields(
        head,
        "format version generator network domain bounding_proof reading proof facets method scales"
        + " batch" * is_ideal,
        "HEAD",
    )
    reading = "ideal" if is_ideal else "deployed"
    for field, value in {"format": "exactcpa-partition", "version": 1, "reading": reading}.items():
        if type(head[field]) is not type(value) or head[field] != value:
            reject(f"HEAD {field}: expected {value!r}, got {shown(head[field])}")
    for field, kind in {"proof": bool, "facets": bool, "generator": str, "method": str}.items():
        if not isinstance(head[field], kind):
            reject(f"HEAD {field}: expected a {kind.__name__}, got {shown(head[field])}")
    if not head["proof"]:
        raise Unreadable("no proof inside: the file was saved without one")
    expect_blocks(blocks, head["facets"])
    field = Field(head["network"], head["batch"]) if is_ideal else None
    lowered, inputs = field.lowered() if field else lower_network(head["network"])
    domain = read_domain(head["domain"], head["bounding_proof"], inputs)
    network = integer_network(lowered, domain, head["scales"])
    exact = ExactLines(network, domain, field) if field else None
    claim = None
    if "MARG" in blocks:
        if is_ideal:
            reject("block MARG: margins are proved in the deployed reading only")
        claim = Claim(read_json(only(blocks, "MARG"), "MARG"), head["domain"], network, domain)
    return Proof(network, domain, blocks, digest, exact, claim, facets=head["facets"])


def expect_coordinates(network: object, domain: object) -> None:
    """Domain and network are of one space, before as many lines are made as the network says it has inputs."""
    if isinstance(network, dict) and isinstance(domain, dict):
        rows = domain.get("A")
        listed = domain.get(
            "origin", domain.get("lower", rows[0] if isinstance(rows, list) and rows else None)
        )
        if isinstance(listed, list) and len(listed) != network.get("input"):
            reject(
                f"domain: {len(listed)} coordinates, but the network has {shown(network.get('input'))} inputs"
            )


def reject(reason: str) -> NoReturn:
    """Raise `Rejected`."""
    raise Rejected(reason)


def shown(value: object) -> str:
    """Show a value in a message, shortened."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


# ---------------------------------------------------------------------------------------------------- blocks

FACET_TAGS = ("EDGE", "FPTR", "FACE", "REGI")
TAIL = ("EDGE", "PATT", "WITN", "XPTS", "FPTR", "FACE", "REGI", "MARG", "STAT", "DONE")
Blocks = dict[str, list[memoryview]]


def read_blocks(data: Any) -> tuple[Blocks, str]:
    """Return the payloads by tag and the digest; magic, lengths, checksums and order are checked."""
    if data[: len(MAGIC)] != MAGIC:
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
        if tag != "MARG" and (tag in blocks) != expected:
            reject(f"block {tag}: {'missing' if expected else 'present, though facets is false'}")


def only(blocks: Blocks, tag: str) -> memoryview:
    """Return the payload of a tag that occurs once."""
    if len(blocks.get(tag, ())) != 1:
        reject(f"block {tag}: expected once, got {len(blocks.get(tag, ()))} times")
    return blocks[tag][0]


PIECE = 1 << 17  # bytes of a stream that are in memory as numbers at a time; a multiple of 8
Read = Callable[[memoryview, int], tuple[list, Sequence[int]]]


class Stream:
    """The numbers of one tag in order, read piece by piece.  A *place* is how many bytes come before a number.

    ``read`` returns from the rest of a payload some numbers and their places, and the place after them.
    """

    __slots__ = ("at", "ends", "payloads", "places", "read", "values")

    def __init__(self, payloads: Sequence[memoryview], read: Read) -> None:
        self.payloads, self.ends, self.read = payloads, list(accumulate(map(len, payloads))), read
        self.go_to(0)

    def go_to(self, place: int) -> None:
        """Go on with the number at a place."""
        block = bisect_right(self.ends, place)
        self.at, self.values, self.places = 0, [], [place]
        if block < len(self.ends):
            left = self.ends[block] - place
            self.values, self.places = self.read(self.payloads[block][-left:], place)

    def place(self) -> int:
        """Return the place of the next number."""
        return self.places[self.at]

    def take(self, count: int) -> list:
        """Return the next numbers; fewer if the stream ends."""
        start = self.at
        self.at = start + count
        values = self.values[start : self.at]
        while len(values) < count:
            self.go_to(self.places[-1])
            if not self.values:
                break
            self.at = min(count - len(values), len(self.values))
            values += self.values[: self.at]
        return values


def read_numbers(kind: str, tag: str, payload: memoryview, place: int) -> tuple[list, range]:
    """Read a piece of the streams CODE or REAL."""
    values = numbers_of(payload[:PIECE], kind, tag)
    return values.tolist(), range(place, place + len(values) * values.itemsize + 1, values.itemsize)


def numbers_of(payload: memoryview, kind: str, tag: str) -> array:
    """Return a payload as an array; ``kind`` is a type code of `array`."""
    values = array(kind)
    expect_whole(payload, values.itemsize, tag)
    values.frombytes(payload)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def expect_whole(payload: memoryview, size: int, tag: str) -> None:
    """A payload is a whole number of items."""
    if len(payload) % size:
        reject(f"block {tag}: {len(payload)} bytes, not a multiple of {size}")


HEX_INTEGER = re.compile(rb"-?0x[0-9a-f]+")


def read_bigs(payload: memoryview, place: int) -> tuple[list[int], list[int]]:
    """Read a piece of the stream BIGS."""
    size = PIECE
    while b"\n" not in (piece := bytes(payload[:size])) and size < len(payload):
        size *= 2
    *texts, rest = piece.split(b"\n")
    if rest and size >= len(payload):
        reject("block BIGS: the last integer has no newline after it")
    for text in texts:
        if not HEX_INTEGER.fullmatch(text):
            reject(f"block BIGS: not a hexadecimal integer: {shown(text)}")
    places = list(accumulate((len(text) + 1 for text in texts), initial=place))
    return [int(text, 16) for text in texts], places


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


def expect_count(value: object, count: int | str | None, where: str) -> None:
    """What is stated, a count mostly, is what was found."""
    if type(value) is not type(count) or value != count:
        reject(f"{where}: {shown(value)} stated, {count} found")


def natural(value: object, where: str, least: int = 0) -> int:
    """Return an integer, at least ``least``."""
    if type(value) is not int or value < least:
        reject(f"{where}: expected an integer of at least {least}, got {shown(value)}")
    return value


LARGEST_PLAIN_INTEGER = 2**53
LARGEST_EXPONENTS = {10: 100_000, 2: 1_000_000}
MOST_DIGITS = 4000
LARGEST_SCALE = 100_000
MOST_ENTRIES, MOST_NESTED = 1 << 20, 256
MOST_TIED, MOST_MINORS = 16, 5000
DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,9}))?")
HEXADECIMAL = re.compile(r"([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?[0-9]{1,9}))?")


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
    sign, whole, part, exponent = match.groups(default="")
    power = int(exponent or 0) - step * len(part)
    if not whole + part or abs(power) > LARGEST_EXPONENTS[root]:
        reject(f"not a number, or its exponent is too large: {shown(text)}")
    if root == 10 and len(whole + part) > MOST_DIGITS:
        reject(
            f"a decimal number of more than {MOST_DIGITS} digits, which are written in hexadecimal: {shown(text)}"
        )
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


def expect_width(count: int) -> None:
    """So many coordinates between two layers can be worked with."""
    if count > MOST_ENTRIES:
        reject(f"more than {MOST_ENTRIES} coordinates")


def common_denominator(values: Iterable[Fraction]) -> int:
    """Return the least common denominator."""
    return math.lcm(1, *{value.denominator for value in values})


# --------------------------------------------------------------------------- real numbers: the ideal reading

FIRST_BITS, SHARING_BITS, LIMIT_BITS = 128, 1024, 8192
LARGEST_SQUARE = 1_000_000


class Enclosure:
    """An interval that holds a number: from ``low`` to ``high``, integers over ``2**bits``."""

    __slots__ = ("bits", "high", "low")

    def __init__(self, low: int, high: int, bits: int) -> None:
        self.low, self.high, self.bits = low, high, bits

    def __add__(self, other: "Number") -> "Enclosure":
        if isinstance(other, Enclosure):
            return Enclosure(self.low + other.low, self.high + other.high, self.bits)
        above, below = other.numerator << self.bits, other.denominator
        return Enclosure(self.low + above // below, self.high - -above // below, self.bits)

    def __mul__(self, other: "Number") -> "Number":
        if isinstance(other, Enclosure):
            products = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
            return Enclosure(min(products) >> self.bits, -(-max(products) >> self.bits), self.bits)
        if not other:
            return Fraction(0)
        ends = sorted((self.low * other.numerator, self.high * other.numerator))
        return Enclosure(ends[0] // other.denominator, -(-ends[1] // other.denominator), self.bits)

    def __neg__(self) -> "Enclosure":
        return Enclosure(-self.high, -self.low, self.bits)

    def __sub__(self, other: "Number") -> "Enclosure":
        return self + -other

    def __rsub__(self, other: "Number") -> "Enclosure":
        return -self + other

    def __rtruediv__(self, one: int) -> "Enclosure":
        if self.low <= 0:
            raise StillOpen
        above = one << 2 * self.bits
        return Enclosure(above // self.high, -(-above // self.low), self.bits)

    __radd__, __rmul__ = __add__, __mul__

    def root(self) -> "Enclosure":
        """Enclose the square root."""
        if self.low <= 0:
            raise StillOpen
        low, high = self.low << self.bits, self.high << self.bits
        return Enclosure(math.isqrt(low), math.isqrt(high) + 1, self.bits)

    def bounds(self) -> tuple[Fraction, Fraction]:
        """Return the ends."""
        return Fraction(self.low, 1 << self.bits), Fraction(self.high, 1 << self.bits)


class StillOpen(Exception):
    """An enclosure is too wide."""


Monomial = tuple[tuple[int, int], ...]


@total_ordering
class Real:
    """A real number that is not seen to be rational: a sum of rationals times products of roots.

    A monomial lists pairs (k, exponent).  If k > 0 it stands for sqrt(k), k no square, and the exponent is 1.
    If k < 0 it stands for the root number -1 - k of the network, which is a symbol; exponents are not zero.
    """

    __slots__ = ("field", "terms")

    def __init__(self, terms: dict[Monomial, Fraction], field: "Field") -> None:
        self.terms, self.field = terms, field

    def __add__(self, other: "Number") -> "Number":
        terms = self.terms.copy()
        for monomial, c in terms_of(other).items():
            terms[monomial] = terms.get(monomial, 0) + c
        return real(terms, self.field)

    def __mul__(self, other: "Number") -> "Number":
        terms: dict[Monomial, Fraction] = {}
        others = terms_of(other)
        for left, a in self.terms.items():
            for right, b in others.items():
                monomial, factor = product_of(left, right)
                terms[monomial] = terms.get(monomial, 0) + a * b * factor
        return real(terms, self.field)

    def __neg__(self) -> "Real":
        return Real({monomial: -c for monomial, c in self.terms.items()}, self.field)

    def __sub__(self, other: "Number") -> "Number":
        return self + -other

    def __rsub__(self, other: "Number") -> "Number":
        return -self + other

    def __rtruediv__(self, one: int) -> "Number":
        ((monomial, c),) = self.terms.items()  # a root has one term
        squares = math.prod(k for k, _ in monomial if k > 0)
        return Real({tuple((k, 1 if k > 0 else -e) for k, e in monomial): one / (c * squares)}, self.field)

    __radd__, __rmul__ = __add__, __mul__

    def __bool__(self) -> bool:
        return self.sign() != 0

    def __lt__(self, other: "Number") -> bool:
        return sign_of(self - other) < 0

    def __eq__(self, other: object) -> bool:
        return sign_of(self - other) == 0

    __hash__ = None

    def sign(self) -> int:
        """Return -1, 0 or 1: by enclosures until one is off zero, and by exact zero tests."""
        bits, has_symbols = self.field.first_bits, any(k < 0 for monomial in self.terms for k, _ in monomial)
        zero_tests = [
            (SHARING_BITS, has_symbols),
            (0, False),
        ]  # from how many bits on, and whether by squares
        while True:
            enclosure = self.enclosure(bits)
            if enclosure.low > 0 or enclosure.high < 0:
                return 1 if enclosure.low > 0 else -1
            while zero_tests and bits >= zero_tests[-1][0]:
                if is_zero(self, by_squares=zero_tests.pop()[1]):
                    return 0
            if has_symbols and bits >= LIMIT_BITS:
                reject(f"nested square roots: a sign cannot be decided at {bits} bits")
            bits *= 2

    def enclosure(self, bits: int) -> Enclosure:
        """Enclose the number."""
        total = Enclosure(0, 0, bits)
        for monomial, c in self.terms.items():
            total += c * self.field.enclosed_monomial(monomial, bits)
        return total


Number = Fraction | Enclosure | Real


def real(terms: dict[Monomial, Fraction], field: "Field") -> Fraction | Real:
    """Return the number with these terms, as a rational if no root is left."""
    terms = {monomial: c for monomial, c in terms.items() if c}
    return terms.get((), Fraction(0)) if terms.keys() <= {()} else Real(terms, field)


def terms_of(value: Number) -> dict[Monomial, Fraction]:
    """Return the terms of a rational or real number."""
    return value.terms if isinstance(value, Real) else {(): Fraction(value)} if value else {}


def product_of(left: Monomial, right: Monomial) -> tuple[Monomial, int]:
    """Return the product of two monomials, and a factor that the squares in it give."""
    if not left or not right:
        return left or right, 1
    exponents, factor = dict(left), 1
    for k, e in right:
        exponents[k] = exponents.get(k, 0) + e
        if k > 0 and exponents[k] == 2:
            del exponents[k]
            factor *= k
        elif not exponents[k]:
            del exponents[k]
    return tuple(sorted(exponents.items())), factor


def sign_of(value: Number) -> int:
    """Return the sign of a rational or real number."""
    return value.sign() if isinstance(value, Real) else (value > 0) - (value < 0)


def is_zero(value: Number, *, by_squares: bool = False) -> bool:
    """Whether a number is found to be zero; a number without symbols is if it is zero.

    Rational radicands are written as products of pairwise coprime numbers, no squares; then the roots of products
    of different ones are linearly independent over the rationals.  With r the last symbol and V its radicand,
    r**2 = V makes the value a + b r, times a power of r.  It is zero if a and b are; or, which is costly, if
    a**2 = b**2 V and the signs of a and b are opposite.
    """
    terms = terms_of(value)
    last = min((k for monomial in terms for k, _ in monomial), default=1)
    if last > 0:
        return not any(over_coprime_base(terms).values())
    parts: dict[int, dict[Monomial, Fraction]] = {}
    for monomial, c in terms.items():
        exponent = dict(monomial).get(last, 0)
        parts.setdefault(exponent, {})[tuple(pair for pair in monomial if pair[0] != last)] = c
    radicand, least, sums = value.field.radicands[-1 - last], min(parts), [Fraction(0), Fraction(0)]
    for parity in (0, 1):
        exponents = sorted(e - least for e in parts if (e - least) % 2 == parity)
        for exponent in exponents:
            # Of one exponent alone the power of r does not matter: V is not computed without need.
            halves = (exponent - parity if by_squares else exponent - exponents[0]) // 2
            power = math.prod((radicand() for _ in range(halves)), start=Fraction(1))
            sums[parity] += power * real(parts[least + exponent], value.field)
    if all(is_zero(part, by_squares=by_squares) for part in sums):
        return True
    a, b = sums
    if (
        not by_squares
        or max(len(terms_of(a)), len(terms_of(b))) ** 2 * len(terms_of(radicand())) > LARGEST_SQUARE
    ):
        return False
    return is_zero(a * a - b * b * radicand(), by_squares=True) and sign_of(a) * sign_of(b) < 0


def over_coprime_base(terms: dict[Monomial, Fraction]) -> dict[frozenset[int], Fraction]:
    """Collect terms by the set of those base elements whose roots remain in the product."""
    base = coprime_base(frozenset(k for monomial in terms for k, _ in monomial))
    collected: dict[frozenset[int], Fraction] = {}
    for monomial, c in terms.items():
        remaining: frozenset[int] = frozenset()
        for k, _ in monomial:
            factor, odd = split_root(k, base)
            c *= factor * math.prod(remaining & odd)
            remaining ^= odd
        collected[remaining] = collected.get(remaining, 0) + c
    return collected


@cache
def coprime_base(values: frozenset[int]) -> tuple[int, ...]:
    """Return pairwise coprime numbers > 1, of whose powers all values are products; those with odd ones no squares."""
    base: list[int] = []
    pending = list(values)
    while pending:
        value = pending.pop()
        if math.isqrt(value) ** 2 == value:
            pending += [math.isqrt(value)] * (value > 1)
            continue
        for index, element in enumerate(base):
            common = math.gcd(value, element)
            if common > 1:
                pending += [common, value // common, base.pop(index) // common]
                break
        else:
            base.append(value)
    return tuple(base)


@cache
def split_root(value: int, base: tuple[int, ...]) -> tuple[int, frozenset[int]]:
    """Return a factor and elements of the base such that sqrt(value) is the factor times their roots."""
    factor, odd = 1, set()
    for element in base:
        exponent = 0
        while value % element == 0:
            value, exponent = value // element, exponent + 1
        factor *= element ** (exponent // 2)
        odd |= {element} if exponent % 2 else set()
    return factor, frozenset(odd)


class Field:
    """The numbers of a network in the ideal reading: by enclosures, of any precision, and formally.

    The network is lowered with enclosures, which gives every root (of the batchnorms' coordinates, in order) an
    enclosure, and formally, as far as it is asked for.  Both times the batch goes through.

    Attributes:
        stages: The formal stages so far.
        radicands: What gives the formal number under each root met so far.
        symbols: The roots that stand for themselves.
        first_bits: The least precision of some that encloses every root away from zero.
    """

    def __init__(self, network: object, batch: object) -> None:
        self.network, self.batch = network, batch
        self.radicands: list[Callable[[], Number]] = []
        self.symbols: list[int] = []
        self.first_bits = FIRST_BITS
        self.enclosed_by_bits: dict[int, tuple[Lowering, list[Number]]] = {}
        self.monomials: dict[tuple[Monomial, int], Enclosure] = {}
        self.formal = Lowering(network, self.formal_root, batch)
        self.formal_steps = self.formal.steps()

    def lowered(self) -> "tuple[Lowered, int]":
        """Return the network in enclosures, at the first of some precisions that makes the fewest numbers vague."""
        while self.enclosed(self.first_bits) is None:
            self.first_bits *= 2
            if self.first_bits > LIMIT_BITS:
                reject(f"variance + epsilon is not positive, or cannot be decided at {LIMIT_BITS} bits")
        bits = self.first_bits
        candidates = [bits, 4 * bits, 16 * bits] if vague_numbers(self.enclosed(bits)[0].stages) else [bits]
        stages = [self.enclosed(candidate)[0].stages for candidate in candidates]
        return min(stages, key=vague_numbers), self.formal.inputs

    def enclosed(self, bits: int) -> "tuple[Lowering, list[Number]] | None":
        """Return the network in enclosures, and its radicands; None if the precision does not do."""
        if bits not in self.enclosed_by_bits:
            radicands: list[Number] = []

            def root(radicand: Callable[[], Number]) -> Number:
                value = radicand()
                radicands.append(value)
                if isinstance(value, Enclosure):
                    return value.root()
                exact = rational_root(value, self)
                return exact if isinstance(exact, Fraction) else exact.enclosure(bits)

            lowering = Lowering(self.network, root, self.batch)
            try:
                for _ in lowering.steps():
                    pass
            except StillOpen:
                return None
            self.enclosed_by_bits[bits] = lowering, radicands
        return self.enclosed_by_bits[bits]

    def stage(self, index: int) -> "tuple[list[Line], list[Unit]]":
        """Return a stage in formal numbers."""
        while len(self.formal.stages) <= index:
            next(self.formal_steps)
        return self.formal.stages[index]

    def formal_root(self, radicand: Callable[[], Number]) -> Number:
        """Return the root of a number: a rational, or the root of one, or times a rational a symbol."""
        index = len(self.radicands)
        radicand = cache(radicand)
        self.radicands.append(radicand)
        enclosures = self.enclosed(max(SHARING_BITS, self.first_bits))[1]
        if not isinstance(enclosures[index], Enclosure):
            return rational_root(radicand(), self)
        for other in (None, *self.symbols):
            # None stands for the root 1 of the radicand 1.
            ratio = simple_ratio(enclosures[index], 1 if other is None else enclosures[other])
            if ratio and is_zero(radicand() - ratio * (1 if other is None else self.radicands[other]())):
                return rational_root(ratio, self) * (1 if other is None else self.symbol(other))
        self.symbols.append(index)
        return self.symbol(index)

    def symbol(self, index: int) -> Real:
        """Return a root as a symbol."""
        return Real({((-1 - index, 1),): Fraction(1)}, self)

    def enclosed_monomial(self, monomial: Monomial, bits: int) -> Enclosure:
        """Enclose a product of roots."""
        if not monomial:
            return Fraction(1)
        key = monomial, bits
        if key not in self.monomials:
            (k, exponent), *rest = monomial
            square = Enclosure(k << bits, k << bits, bits) if k > 0 else self.enclosed(bits)[1][-1 - k]
            root = square.root()
            factor = root if exponent > 0 else 1 / root
            value = self.enclosed_monomial(tuple(rest), bits)
            for _ in range(abs(exponent)):
                value = factor * value
            self.monomials[key] = value
        return self.monomials[key]


def rational_root(square: Fraction, field: Field) -> Fraction | Real:
    """Return the square root of a rational."""
    if square <= 0:
        reject("variance + epsilon is not positive")
    radicand = square.numerator * square.denominator
    root = math.isqrt(radicand)
    if root * root == radicand:
        return Fraction(root, square.denominator)
    return Real({((radicand, 1),): Fraction(1, square.denominator)}, field)


def simple_ratio(above: Enclosure, below: Enclosure | int) -> Fraction | None:
    """Return a rational with a small denominator that the quotient of two positive numbers may be."""
    quotient = above * (1 if below == 1 else 1 / below)
    low, high = quotient.bounds()
    ratio = ((low + high) / 2).limit_denominator(1 << above.bits * 3 // 8)
    return ratio if low <= ratio <= high else None


def hull(values: Sequence[Number], bits: int, least: Callable[..., int] = min) -> Enclosure:
    """Return an enclosure of all of some numbers, rational or enclosed; of the largest if ``least`` is `max`."""
    enclosures = [Enclosure(0, 0, bits) + value for value in values]
    return Enclosure(least(e.low for e in enclosures), max(e.high for e in enclosures), bits)


def largest_of(values: Sequence[Number]) -> Number:
    """Return the largest number."""
    bits = next((value.bits for value in values if isinstance(value, Enclosure)), None)
    return max(values) if bits is None else hull(values, bits, max)


def middle(value: Number) -> Fraction:
    """Return a rational near a number."""
    return Fraction(value.low + value.high, 2 << value.bits) if isinstance(value, Enclosure) else value


def radius(value: Number) -> Fraction:
    """Return how far a number may be from its middle."""
    return Fraction(value.high - value.low, 2 << value.bits) if isinstance(value, Enclosure) else Fraction(0)


def vague_numbers(stages: "Lowered") -> int:
    """Return how many coefficients are known to fewer than 64 bits."""
    return sum(
        isinstance(c, Enclosure) and c.high - c.low << 64 > max(abs(c.low), abs(c.high))
        for lines, _ in stages
        for line in lines
        for c in line.coefficients.values()
    )


# -------------------------------------------------------------------------------------------------- network


class Line(NamedTuple):
    """An affine function of what the previous stage gave; sparse.  Rational in the deployed reading."""

    coefficients: dict[int, Number]
    constant: Number


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
    """Read a network, deployed reading; return its stages, each its lines and units, and its input dimension."""
    lowering = Lowering(value)
    for _ in lowering.steps():
        pass
    return lowering.stages, lowering.inputs


class Lowering:
    """The stages so far, and the current vector as lines over the last of them.

    Attributes:
        current: The vector the next layer is applied to, but for its factors.
        factors: Positive numbers, one a coordinate; empty if all are 1, as always in the deployed reading.
        carried: The inputs of the residual blocks we are in.
        root: Gives the square root of a number that is computed when asked for; None: the deployed reading.
        samples: Of every point of the batch, what the last stage gave.
    """

    def __init__(self, value: object, root: Callable | None = None, batch: object = None) -> None:
        expect_fields(value, "format version input layers", "network")
        if (
            value["format"] != "exactcpa-network"
            or type(value["version"]) is not int
            or value["version"] != 1
        ):
            reject("network: not an exactcpa-network, version 1")
        self.layers, self.inputs = value["layers"], natural(value["input"], "network input", 1)
        expect_width(self.inputs)
        self.stages: Lowered = []
        self.current = [plain_line(j) for j in range(self.inputs)]
        self.factors: list[Number] = []
        self.carried: list[list[Line]] = []
        self.root = root
        self.samples = [] if batch is None else [vector(point, self.inputs) for point in items(batch)]

    def steps(self) -> Iterator[None]:
        """Apply all layers, pausing after each."""
        yield from self.apply_all(self.layers)
        self.multiply_in()
        self.close_stage([])
        yield

    def apply_all(self, layers: object) -> Iterator[None]:
        """Apply layers in order."""
        for index, layer in enumerate(items(layers)):
            kind = layer.get("type") if isinstance(layer, dict) else None
            try:
                yield from self.apply(kind, layer)
            except Rejected as problem:
                is_deep = len(self.carried) > 8
                reject(str(problem) if is_deep else f"layer {index} ({shown(kind)}): {problem}")
            yield

    def apply(self, kind: object, layer: dict) -> Iterator[None]:
        """Apply one layer."""
        if kind == "flatten":
            expect_fields(layer, "type", "layer")
            return
        if kind not in HOMOGENEOUS:
            self.multiply_in()
        if kind == "residual":
            yield from self.apply_residual(layer)
        elif kind == "batchnorm" and self.root:
            self.normalise(layer)
        elif isinstance(kind, str) and kind in AFFINE:
            rows = AFFINE[kind](layer, len(self.current))
            self.current = [combined(row, bias, self.current) for row, bias in islice(rows, MOST_ENTRIES + 1)]
            expect_width(len(self.current))
        elif isinstance(kind, str) and kind in ACTIVATIONS:
            self.close_stage(ACTIVATIONS[kind](layer, len(self.current)))
        else:
            reject("unknown type")

    def apply_residual(self, layer: dict) -> Iterator[None]:
        """Apply ``x + layers(x)``."""
        expect_fields(layer, "type layers", "layer")
        if len(self.carried) == MOST_NESTED:
            reject(f"residual blocks nested more than {MOST_NESTED} deep")
        self.carried.append(self.current)
        yield from self.apply_all(layer["layers"])
        self.multiply_in()
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
        self.samples = [results_at(*self.stages[-1], entries) for entries in self.samples]
        self.current = [plain_line(j) for j in range(outputs)]
        for depth, carried in enumerate(self.carried):
            self.carried[depth] = [plain_line(outputs + j) for j in range(len(carried))]
            outputs += len(carried)

    def multiply_in(self) -> None:
        """Multiply the factors into the lines."""
        if self.factors:
            self.current = [
                combined([(0, factor)], Fraction(0), [line])
                for line, factor in zip(self.current, self.factors, strict=True)
            ]
            self.factors = []

    def normalise(self, layer: dict) -> None:
        """Apply a batch normalisation, ideal reading."""
        size = len(self.current)
        with_statistics = "mean" in layer or not self.samples
        fields = (
            "type mean variance gamma beta epsilon" if with_statistics else "type gamma beta epsilon pixels"
        )
        expect_fields(layer, fields, "layer")
        gammas, betas = vector(layer["gamma"], size), vector(layer["beta"], size)
        epsilon = number(layer["epsilon"])
        if with_statistics:
            variances = vector(layer["variance"], size)
            means, roots = (
                vector(layer["mean"], size),
                [self.root(lambda v=v: v + epsilon) for v in variances],
            )
        else:
            pixels = natural(layer["pixels"], "pixels", 1)
            if size % pixels:
                reject(f"pixels {pixels} does not divide {size}")
            groups = [self.statistics(start, pixels, epsilon) for start in range(0, size, pixels)]
            means, roots = zip(*(group for group in groups for _ in range(pixels)), strict=True)
        columns = zip(self.current, gammas, betas, means, roots, strict=True)
        self.current = [
            combined([(0, gamma)], beta * root - gamma * mean, [line])
            for line, gamma, beta, mean, root in columns
        ]
        self.factors = [1 / root for root in roots]

    def statistics(self, start: int, pixels: int, epsilon: Fraction) -> tuple[Number, Number]:
        """Return mean and root of so many coordinates of the batch."""
        lines = self.current[start : start + pixels]
        values = [value_at(line, entries) for entries in self.samples for line in lines]
        share = Fraction(1, len(values))
        mean = share * sum(values)
        return mean, self.root(lambda: share * sum((v - mean) * (v - mean) for v in values) + epsilon)


def value_at(line: Line, entries: Sequence) -> Number:
    """Return the value of a line for what the previous stage gave."""
    return sum((c * entries[j] for j, c in line.coefficients.items()), line.constant)


def results_at(lines: list[Line], units: list[Unit], entries: Sequence) -> list:
    """Return what a stage gives; where an enclosure leaves the piece open, one that holds all it may be."""
    values, results = [value_at(line, entries) for line in lines], []
    for unit in units:
        if isinstance(unit, Maximum):
            results.append(largest_of([values[source] for source in unit.sources]))
            continue
        value = values[unit.source]
        low, high = value.bounds() if isinstance(value, Enclosure) else (value, value)
        pieces = range(sum(low >= t for t in unit.breakpoints), 1 + sum(high >= t for t in unit.breakpoints))
        possible = [unit.slopes[piece] * value + unit.intercepts[piece] for piece in pieces]
        results.append(possible[0] if len(possible) == 1 else hull(possible, value.bits))
    return results


def plain_line(index: int) -> Line:
    """Return one entry of the previous stage."""
    return Line({index: Fraction(1)}, Fraction(0))


def combined(row: Iterable[tuple[int, Number]], bias: Number, lines: Sequence[Line]) -> Line:
    """Return the sum of ``weight * lines[index]`` over a row of pairs (index, weight), plus the bias."""
    coefficients: dict[int, Number] = {}
    for index, weight in row:
        if not isinstance(weight, Fraction) or weight:
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
HOMOGENEOUS = ("relu", "abs", "leaky_relu", "prelu")
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
    inputs, within = read_coordinates(value, ambient)
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


def read_coordinates(value: object, ambient: int) -> tuple[list[Fractions], object]:
    """Return the network's inputs as functions of a domain's own coordinates, and the polyhedron in these."""
    if isinstance(value, dict) and value.get("type") == "slice":
        expect_fields(value, "type origin basis within", "domain")
        origin, basis = vector(value["origin"], ambient), matrix(value["basis"], rows=ambient)
        return [(*row, shift) for row, shift in zip(basis, origin, strict=True)], value["within"]
    return [(*(Fraction(i == j) for j in range(ambient)), Fraction(0)) for i in range(ambient)], value


def read_slacks(value: object, dimension: int) -> list[Fractions]:
    """Return the slacks of a box, lower faces first, or of a polytope."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "box":
        expect_fields(value, "type lower upper", "domain")
        return box_slacks(vector(value["lower"], dimension), vector(value["upper"], dimension))
    if kind != "polytope":
        reject(f"domain: unknown type {shown(kind)}")
    expect_fields(value, "type A b", "domain")
    normals = matrix(value["A"], columns=dimension)
    offsets = vector(value["b"], len(normals))
    return [(*(-a for a in normal), offset) for normal, offset in zip(normals, offsets, strict=True)]


def box_slacks(lower: Fractions, upper: Fractions) -> list[Fractions]:
    """Return ``x_j - lower_j`` for every coordinate, then ``upper_j - x_j``."""
    axes = [tuple(Fraction(i == j) for i in range(len(lower))) for j in range(len(lower))]
    slacks = [(*axis, -low) for axis, low in zip(axes, lower, strict=True)]
    return slacks + [(*(-c for c in axis), high) for axis, high in zip(axes, upper, strict=True)]


def read_polyhedron(
    value: object, proof: object, dimension: int
) -> tuple[Fractions, Fractions, list[Fractions]]:
    """Return lower and upper corner of the bounding box, and the slacks that are not of the box."""
    slacks = read_slacks(value, dimension)
    offsets = [slack[-1] for slack in slacks]
    if value["type"] == "box":
        if proof is not None:
            reject("bounding_proof: expected null for a box")
        return [-offset for offset in offsets[:dimension]], offsets[dimension:], []
    normals = [[-c for c in slack[:-1]] for slack in slacks]
    expect_fields(proof, "upper lower", "bounding_proof")
    upper = [proved_bound(normals, offsets, m, j, 1) for j, m in enumerate(items(proof["upper"], dimension))]
    lower = [
        -proved_bound(normals, offsets, m, j, -1) for j, m in enumerate(items(proof["lower"], dimension))
    ]
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

    ``exponent`` is that of its `Function`.
    """

    bit: int
    plus: int
    minus: int
    shift: int
    exponent: int


class Function(NamedTuple):
    """An affine function of the proof: ``2**exponent`` over one odd integer common to all, times a vector.

    Attributes:
        vector: Integers.  In the ideal reading, integers near the true vector.
        exponent: May be of either sign.
        error: No entry of ``vector`` is further than this from the true one.
        exact: Gives the true vector, in rational and real numbers, if ``error`` is not zero.
    """

    vector: Vector
    exponent: int
    error: int = 0
    exact: Callable[[], tuple] | None = None


class Row(NamedTuple):
    """A row of the proof.

    Attributes:
        function: The slack.
        bit: What FACE says of a facet in this row; -1 for rows of the domain.
        crossed: The bits that change across such a facet if no others do, as a mask.
    """

    function: Function
    bit: int
    crossed: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage in integers.

    Attributes:
        sums: The lines at given results of the stage before.
        units: Breakpoints over that denominator; slopes over another; intercepts over the product.
        slope_denominator: That other.
        switches: By number.
        groups: Maxima of three or more, by unit number.
        bits: All bits of the stage, as a mask.
        denominator: Of the lines.
        factor, exponent: A line is ``line * factor * 2**exponent`` as a `Function`.
        errors: How far each line's entries may be from the true ones, on all cells.
    """

    sums: "Sums"
    units: list[Unit]
    slope_denominator: int
    switches: list[Switch]
    groups: dict[int, Maximum]
    bits: int
    denominator: int
    factor: int
    exponent: int
    errors: Vector


@dataclass(frozen=True, slots=True)
class Network:
    """The network in integers.

    Attributes:
        stages: The last is the output.
        units, bits: Their numbers.
        owners: For every bit its stage, and its `Switch` or the `Maximum` it belongs to.
        domain_rows: The slacks of the domain.
        odd: The odd integer of all `Function`s.
    """

    stages: list[Stage]
    units: int
    bits: int
    owners: dict[int, tuple[int, Switch | Maximum]]
    domain_rows: list[Row]
    odd: int


def integer_network(lowered: Lowered, domain: Domain, scales: object) -> Network:
    """Turn the network into integers: every stage has denominators that hold on all cells.

    Enclosures become their middles; how far off the lines are then is bounded once, for all cells.
    """
    errors = line_errors(lowered, domain)
    lowered = [([middle_line(line) for line in lines], units) for lines, units in lowered]
    plans, previous = [], domain.input_denominator
    for lines, units in lowered:
        denominator, slope_denominator = plan_denominators(lines, units, previous)
        plans.append((previous, denominator, slope_denominator))
        previous = denominator * slope_denominator
    odd = math.lcm(odd_part(domain.slack_denominator), odd_part(previous))
    factor, exponent = row_scale(domain.slack_denominator, odd)
    rows = [Row(Function(tuple(factor * c for c in slack), exponent), -1, 0) for slack in domain.slacks]
    exponents = items(scales, len(lowered))
    stages, owners, bits = [], {}, 0
    for index, (lines, units) in enumerate(lowered):
        scale = row_scale(plans[index][1], odd)
        stage = integer_stage(lines, units, plans[index], scale, exponents[index], bits, errors[index])
        stages.append(stage)
        bits += stage.bits.bit_count()
        owners |= {switch.bit: (index, switch) for switch in stage.switches}
        for group in stage.groups.values():
            owners |= {group.bit + c: (index, group) for c in range(len(group.sources))}
    units_total = sum(is_unit(unit) for stage in stages for unit in stage.units)
    return Network(stages, units_total, bits, owners, rows, odd)


def middle_line(line: Line) -> Line:
    """Return a rational line near a line."""
    if isinstance(line.constant, Fraction) and all(
        isinstance(c, Fraction) for c in line.coefficients.values()
    ):
        return line
    return Line({j: middle(c) for j, c in line.coefficients.items()}, middle(line.constant))


def line_errors(lowered: Lowered, domain: Domain) -> list[list[Fraction]]:
    """Bound how far the entries of each line are from the true ones if all numbers are replaced by their middles.

    With |w - w'| <= r, |h - h'| <= t and |h'| <= s one has |w h - w' h'| <= |w'| t + r (s + t).
    """
    sizes = [Fraction(max(map(abs, line)), domain.input_denominator) for line in domain.inputs]
    offs, errors = [Fraction(0)] * len(sizes), []
    for lines, units in lowered:
        line_sizes, line_offs = [], []
        for line in lines:
            size, off = abs(middle(line.constant)), radius(line.constant)
            for j, c in line.coefficients.items():
                weight, vague = abs(middle(c)), radius(c)
                size += weight * sizes[j]
                off += weight * offs[j] + vague * (sizes[j] + offs[j])
            line_sizes.append(power_above(size))
            line_offs.append(power_above(off))
        errors.append(line_offs)
        sizes, offs = [], []
        for unit in units:
            sources = unit.sources if isinstance(unit, Maximum) else (unit.source,)
            slope, shift = (
                (1, 0)
                if isinstance(unit, Maximum)
                else (max(map(abs, unit.slopes)), max(map(abs, unit.intercepts)))
            )
            sizes.append(slope * max(line_sizes[source] for source in sources) + shift)
            offs.append(slope * max(line_offs[source] for source in sources))
    return errors


def power_above(value: Fraction) -> Fraction:
    """Return a power of two that is not smaller, or zero; it keeps the numbers of a bound short."""
    return (
        Fraction(2) ** (value.numerator.bit_length() - value.denominator.bit_length() + 1) if value else value
    )


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
    errors: list[Fraction],
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
        sums=Sums(
            [integer_weights(line.coefficients, denominator // previous) for line in lines],
            numerators([line.constant for line in lines], denominator),
        ),
        units=numbered,
        slope_denominator=slope_denominator,
        switches=[s._replace(exponent=exponent + e) for s, e in zip(switches, exponents, strict=True)],
        groups={number: unit for number, unit in enumerate(real) if is_group(unit)},
        bits=(1 << bit) - (1 << first),
        denominator=denominator,
        factor=factor,
        exponent=exponent,
        errors=tuple(math.ceil(error * denominator) for error in errors),
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


def integer_weights(coefficients: dict[int, Fraction], denominator: int) -> dict[int, int]:
    """Put the coefficients of a line over a denominator."""
    return dict(zip(coefficients, numerators(coefficients.values(), denominator), strict=True))


def is_group(unit: Unit) -> bool:
    """A maximum of three or more."""
    return isinstance(unit, Maximum) and len(unit.sources) > 2


def ones(mask: int) -> Iterator[int]:
    """Yield the numbers of the bits that are 1."""
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1


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


LONGEST_DIGIT = 320  # bits; beyond, short products are as fast


class Sums:
    """The lines of a stage, as sums over the results of the stage before.

    Sums that are not long are added up for all lines at once: the weights that a result has in all lines are one
    integer, in which every line has its own digit, large enough for its sum.  So a few long products take the place
    of many short ones (Kronecker's substitution).
    """

    __slots__ = ("biases", "columns", "growth", "rows", "weights")

    def __init__(self, weights: list[dict[int, int]], biases: Vector) -> None:
        """Take for each line the weights of results, by their numbers, and the constant."""
        self.weights, self.biases = weights, biases
        self.rows = [row_of(line) for line in weights]
        self.columns: dict[int, tuple[list[int], int]] = {}
        results, given = 1 + max((j for line in weights for j in line), default=0), sum(map(len, weights))
        largest = max((sum(map(abs, w.values()), abs(b)) for w, b in zip(weights, biases, strict=True)), default=0)
        is_dense = len(weights) > 3 and 2 * given >= results * len(weights)
        self.growth = largest.bit_length() + 1 if is_dense else LONGEST_DIGIT + 1

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.biases)

    def at(self, entries: Sequence[int], one: int) -> list[int]:
        """Return the lines at given results, with ``one`` for the constant 1."""
        bits = self.growth + max(max(entries), -min(entries), one).bit_length()  # of a sum, with its sign
        if bits > LONGEST_DIGIT:
            sums = [sum(map(mul, weights, pick(entries))) for weights, pick in self.rows]
            return [total + one * bias for total, bias in zip(sums, self.biases, strict=True)]
        size = -(-bits // 64) * 8
        columns, halves = self.columns.get(size) or self.pack(size)
        half, length = 1 << 8 * size - 1, size * len(self.biases)
        digits = (halves + sum(map(mul, columns, (one, *entries)))).to_bytes(length, "little")
        return [int.from_bytes(digits[i : i + size], "little") - half for i in range(0, length, size)]

    def pack(self, size: int) -> tuple[list[int], int]:
        """Return the constants, then the weights of each result, with a digit of so many bytes for each line.

        And half of their base in every digit: what it is added to has no negative digit.
        """
        half = 1 << 8 * size - 1
        halves = number_of([half] * len(self.biases), size)
        results = range(1 + max(j for line in self.weights for j in line))
        every = [self.biases, *([line.get(j, 0) for line in self.weights] for j in results)]
        self.columns[size] = [number_of([half + d for d in digits], size) - halves for digits in every], halves
        return self.columns[size]


def number_of(digits: Sequence[int], size: int) -> int:
    """Return the number with these digits, of so many bytes each, lowest first."""
    return int.from_bytes(b"".join(digit.to_bytes(size, "little") for digit in digits), "little")


def row_of(line: dict[int, int]) -> tuple[Vector, Callable]:
    """Return weights that are not zero, and what picks their results; two at least, or it would not pick a tuple."""
    padded = [(j, weight) for j, weight in line.items() if weight] + [(0, 0)] * 2
    kept = padded[: max(2, len(padded) - 2)]
    return tuple(weight for _, weight in kept), itemgetter(*(j for j, _ in kept))


# -------------------------------------------------------------------------------- the network at a point


Doubt = Callable[[int, int, int, int], Any]


def network_at(
    network: Network, domain: Domain, point: Vector, exact: "ExactLines | None" = None
) -> tuple[int, int, list[int]]:
    """Run the network at a point, knowing nothing of any proof.

    Returns:
        The pattern; the bits whose function is zero at the point (of a group: the lines that tie with the
        winner); the output, over the last stage's denominator times the point's.
    """
    one, pattern, zeros = point[-1], 0, 0
    entries = [sum(map(mul, line, point)) for line in domain.inputs]
    lines: list[int] = []
    for index, stage in enumerate(network.stages):
        lines, entries = stage.sums.at(entries, one), []
        doubt = exact.doubt(index, pattern, point) if exact else None
        for unit in stage.units:
            if isinstance(unit, Bend):
                value, bits, ties = bend_at(unit, lines, one, doubt)
            else:
                value, bits, ties = maximum_at(unit, lines, one, doubt)
                value *= stage.slope_denominator
            entries.append(value)
            if bits:
                pattern |= bits << unit.bit
            if ties:
                zeros |= ties << unit.bit
    return pattern, zeros, lines


def bend_at(bend: Bend, lines: Sequence[int], one: int, doubt: Doubt | None) -> tuple[int, int, int]:
    """Return value, bits and zero bits of a bend at a point."""
    source, breakpoints, slopes, intercepts, _ = bend
    value, piece, ties = lines[source], 0, 0
    for index, breakpoint_ in enumerate(breakpoints):
        above = value - breakpoint_ * one
        if doubt:
            above = doubt(above, source, -1, breakpoint_)
        if above >= 0:
            piece += 1
            ties |= (above == 0) << index
    return slopes[piece] * value + intercepts[piece] * one, (1 << piece) - 1, ties


def maximum_at(
    maximum: Maximum, lines: Sequence[int], _one: int, doubt: Doubt | None
) -> tuple[int, int, int]:
    """Return value, bits and tie bits of a maximum at a point."""
    sources, winner, tied = maximum.sources, 0, 1
    for position in range(1, len(sources)):
        lead = lines[sources[position]] - lines[sources[winner]]
        if doubt:
            lead = doubt(lead, sources[position], sources[winner], 0)
        if lead >= 0:
            winner, tied = position, 1 << position | (tied if lead == 0 else 0)
    value = lines[sources[winner]]
    return (
        (value, 1 << winner, tied ^ (1 << winner)) if is_group(maximum) else (value, winner, int(tied == 3))
    )


# ------------------------------------------------------------------------------- the network on a whole cell


def lines_on(stage: Stage, columns: Iterable[Sequence[int]]) -> list[Vector]:
    """Return the lines of a stage as affine functions, from the columns of the results before it."""
    *linear, constant = columns
    sums = [stage.sums.at(column, 0) for column in linear]
    return list(zip(*sums, stage.sums.at(constant, 1), strict=True))


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


def is_multiple(function: Vector, of: Vector) -> bool:
    """Whether a function is a multiple of another, which is not zero; zero is one."""
    position = next(index for index, entry in enumerate(of) if entry)
    left, right = of[position], function[position]
    return all(left * a == right * b for a, b in zip(function, of, strict=True))


class ExactLines:
    """The lines on a cell in formal numbers; asked only where integers near them leave a question open."""

    def __init__(self, network: Network, domain: Domain, field: Field) -> None:
        self.network, self.field = network, field
        self.inputs = [tuple(Fraction(c, domain.input_denominator) for c in line) for line in domain.inputs]
        self.below = [
            (1 << sum(s.bits.bit_count() for s in network.stages[:i])) - 1 for i in range(len(network.stages))
        ]
        self.known: dict[tuple[int, int, int], tuple[Number, ...]] = {}

    def line(self, index: int, source: int, pattern: int) -> tuple[Number, ...]:
        """Return a line of a stage, where the pattern holds."""
        key = index, source, pattern & self.below[index]
        if key not in self.known:
            line = self.field.stage(index)[0][source]
            total = [Fraction(0)] * len(self.inputs[0][:-1]) + [line.constant]
            for j, weight in line.coefficients.items():
                entries = self.result(index - 1, j, pattern) if index else self.inputs[j]
                total = [sum_ + weight * entry for sum_, entry in zip(total, entries, strict=True)]
            self.known[key] = tuple(total)
        return self.known[key]

    def result(self, index: int, j: int, pattern: int) -> tuple[Number, ...]:
        """Return what unit j of a stage gives."""
        stage = self.network.stages[index]
        unit = stage.units[j]
        if isinstance(unit, Maximum):
            return self.line(index, unit.sources[winner_of(unit, pattern)], pattern)
        piece = piece_of(unit, pattern)
        slope = Fraction(unit.slopes[piece], stage.slope_denominator)
        intercept = Fraction(unit.intercepts[piece], stage.denominator * stage.slope_denominator)
        *linear, constant = self.line(index, unit.source, pattern) if slope else self.inputs[0]
        return (*(slope * c for c in linear), slope * constant + intercept)

    def function(
        self, index: int, switch: tuple[int, int, int], pattern: int, factor: int
    ) -> tuple[Number, ...]:
        """Return a switch's function in a stage's integer units, times a factor."""
        plus, minus, shift = switch
        unit = factor * self.network.stages[index].denominator
        vector = self.line(index, plus, pattern)
        if minus >= 0:
            vector = tuple(map(sub, vector, self.line(index, minus, pattern)))
        *linear, constant = (unit * c for c in vector)
        return (*linear, constant - factor * shift)

    def doubt(self, index: int, pattern: int, point: Vector) -> Doubt:
        """Return what replaces values of switches at a point by exact ones where errors leave their sign open."""
        errors, reach = self.network.stages[index].errors, sum(map(abs, point))

        def doubt(value: int, plus: int, minus: int, shift: int) -> Number:
            error = errors[plus] + (errors[minus] if minus >= 0 else 0)
            if error and abs(value) <= error * reach:
                return dot(self.function(index, (plus, minus, shift), pattern, 1), point)
            return value

        return doubt


def determinant(rows: Sequence[Sequence]) -> Any:
    """Return a determinant, from the minors of its first rows."""
    minors: dict[int, Any] = {0: 1}
    for row in rows:
        following: dict[int, Any] = {}
        for columns, minor in minors.items():
            for j, entry in enumerate(row):
                if not columns >> j & 1:
                    term = entry * minor
                    term = -term if (columns >> j).bit_count() & 1 else term
                    key = columns | 1 << j
                    following[key] = following[key] + term if key in following else term
        minors = following
    return minors[(1 << len(rows)) - 1]


def sign_of_minor(functions: Sequence[Function], columns: Sequence[int], *, exact: bool = True) -> int | None:
    """Return the sign of a minor; None if errors leave it open and it is not to be decided exactly."""
    if any(function.error for function in functions):
        value = determinant(
            [[Enclosure(f.vector[j] - f.error, f.vector[j] + f.error, 0) for j in columns] for f in functions]
        )
        if value.low > 0 or value.high < 0:
            return 1 if value.low > 0 else -1
        if not exact:
            return None
    return sign_of(
        determinant([[(f.exact() if f.error else f.vector)[j] for j in columns] for f in functions])
    )


# ---------------------------------------------------------------------------------------------- the margin


class Claim:
    """What MARG claims.  All that does not need the cells is checked when it is read.

    Attributes:
        json: The block.
        point, weights, value, nearest: Its numbers; None where it has null.
        norm: "1", "2" or "inf".
        threshold: Of the one output; None if outputs are classes.
        own: The class at the point.
        rivals: All others, ascending.
        limits: The slacks of the domain.
        slacks: Those of HEAD's bounding box and domain, by number.
    """

    def __init__(self, json: dict, searched: object, network: Network, domain: Domain) -> None:
        expect_fields(json, "domain point norm weights outputs class value nearest rival cells", "MARG")
        self.json, self.network, self.domain = json, network, domain
        try:
            self.read_distance(domain.dimension)
            self.read_classes()
            self.expect_domain(searched)
            self.expect_nearest()
        except Rejected as problem:
            reject(f"block MARG: {problem}")

    def read_distance(self, dimension: int) -> None:
        """Read point, norm, weights, value and nearest."""
        json = self.json
        self.point, self.weights = vector(json["point"], dimension), vector(json["weights"], dimension)
        self.norm = json["norm"]
        if self.norm not in ("1", "2", "inf"):
            reject(f"norm: expected '1', '2' or 'inf', got {shown(self.norm)}")
        if min(self.weights) <= 0:
            reject("weights: not all are positive")
        self.value = self.nearest = None
        if json["value"] is not None:
            self.value, self.nearest = number(json["value"]), vector(json["nearest"], dimension)
            if self.value < 0:
                reject("value: negative")
        elif json["nearest"] is not None or json["rival"] is not None:
            reject("nearest, rival: expected null, for the value is")

    def read_classes(self) -> None:
        """Read outputs and class; the network at the point has that class, which is alone if the value is not 0."""
        outputs, count = self.json["outputs"], len(self.network.stages[-1].sums)
        if isinstance(outputs, dict) and outputs.get("kind") == "threshold":
            expect_fields(outputs, "kind value", "outputs")
            self.threshold = number(outputs["value"])
        else:
            expect_fields(outputs, "kind", "outputs")
            self.threshold = None
        kind = "classes" if self.threshold is None else "threshold"
        if outputs["kind"] != kind or (count == 1) != (kind == "threshold"):
            reject(f"outputs: {shown(outputs['kind'])} does not go with {count} outputs")
        values = self.outputs_at(self.point)
        self.own = self.read_class("class", range(len(values)))
        self.rivals = [j for j in range(len(values)) if j != self.own]
        largest = max(values[j] for j in self.rivals)
        if values[self.own] < largest or (self.value != 0 and values[self.own] == largest):
            reject(f"class: another output is as large at the point as {self.own}")

    def read_class(self, field: str, allowed: Sequence[int]) -> int:
        """Return one of some classes."""
        value = self.json[field]
        return value if type(value) is int and value in allowed else reject(f"{field}: {shown(value)}")

    def classes(self, lines: Iterable[Sequence[int]], denominator: int = 1) -> list[Fractions]:
        """Return an affine function for every class, from the last stage's lines."""
        denominator *= self.network.stages[-1].denominator
        functions = [tuple(Fraction(c, denominator) for c in line) for line in lines]
        if self.threshold is None:
            return functions
        ((*linear, constant),) = functions
        return [(Fraction(0),) * (len(linear) + 1), (*linear, constant - self.threshold)]

    def outputs_at(self, point: Fractions) -> list[Fraction]:
        """Run the network at a point; return a number for every class."""
        one = common_denominator(point)
        _, _, values = network_at(self.network, self.domain, (*numerators(point, one), one))
        return [value for (value,) in self.classes([(value,) for value in values], one)]

    def expect_domain(self, searched: object) -> None:
        """The domain has the point, and within the open ball HEAD's domain has all of it."""
        domain, ambient, dimension = self.domain, len(self.domain.inputs), self.domain.dimension
        coordinates, within = read_coordinates(self.json["domain"], ambient)
        searched_coordinates, searched_within = read_coordinates(searched, ambient)
        if coordinates != searched_coordinates:
            reject("domain: its coordinates are not those of HEAD's")
        self.limits = read_slacks(within, dimension)
        self.expect_in_domain("point", self.point)
        for slack in read_slacks(searched_within, dimension):
            if self.value == 0 or slack in self.limits:
                continue
            if self.value is None or not self.is_negative_on_ball([-c for c in slack]):
                reject("domain: HEAD's has a face that is not of this domain, and not beyond the ball")
        ends = [[Fraction(c, domain.denominator) for c in corner] for corner in (domain.lower, domain.upper)]
        rows = [[Fraction(c, domain.slack_denominator) for c in slack] for slack in domain.slacks]
        self.slacks = box_slacks(*ends) + rows

    def expect_in_domain(self, name: str, point: Fractions) -> None:
        """A point is in the domain."""
        if any(value_on(slack, point) < 0 for slack in self.limits):
            reject(f"{name}: not in the domain")

    def is_negative_on_ball(self, function: Fractions) -> bool:
        """Whether an affine function is negative on the open ball around the point, by its dual norm."""
        height = -value_on(function, self.point)
        steps = [abs(c) * weight for c, weight in zip(function[:-1], self.weights, strict=True)]
        if self.norm == "2":
            return height > 0 and self.value * sum(step * step for step in steps) <= height * height
        return height > 0 and self.value * (max(steps) if self.norm == "1" else sum(steps)) <= height

    def expect_nearest(self) -> None:
        """The nearest point is in the domain, as far as stated, and the rival is as large there."""
        if self.value is None:
            return
        self.expect_in_domain("nearest", self.nearest)
        steps = [abs(a - b) / w for a, b, w in zip(self.nearest, self.point, self.weights, strict=True)]
        distances = {"1": sum(steps), "2": sum(step * step for step in steps), "inf": max(steps)}
        if distances[self.norm] != self.value:
            reject("nearest: its distance is not the value")
        values, rival = self.outputs_at(self.nearest), self.read_class("rival", self.rivals)
        if values[rival] < values[self.own]:
            reject(f"nearest: output {rival} is smaller there than {self.own}")

    def expect_lists(self, cells: int) -> None:
        """There is a list for every cell; none at all for value 0."""
        count = cells if self.value != 0 else 0
        if not isinstance(self.json["cells"], list) or len(self.json["cells"]) != count:
            reject(f"block MARG: expected {count} lists for {cells} cells, got {shown(self.json['cells'])}")

    def sums(
        self, cell: int, lines: list[Vector], slack_of_bit: Callable[[int], Fractions]
    ) -> Iterator[tuple[int, Fractions]]:
        """Yield every rival and its entry's sum on a cell, whose last stage has these lines."""
        functions, missing = self.classes(lines), self.rivals.copy()
        for entry in items(self.json["cells"][cell]):
            rival, theta, multipliers = items(entry, 3)
            if type(rival) is not int or rival not in missing:
                reject(f"{shown(rival)} is no rival, or has an entry already")
            missing.remove(rival)
            yield rival, self.sum_of(number(theta), functions, rival, multipliers, slack_of_bit)
        if missing:
            reject(f"no entry for rival {missing[0]}")

    def sum_of(
        self,
        theta: Fraction,
        functions: list[Fractions],
        rival: int,
        multipliers: list,
        slack_of_bit: Callable[[int], Fractions],
    ) -> Fractions:
        """Return what is >= 0 on the cell wherever the rival's output is as large as the class's."""
        if theta <= 0:
            reject("a theta is not positive")
        if not isinstance(multipliers, list):
            reject(f"expected a list of multipliers, got {shown(multipliers)}")
        total = [theta * (b - a) for a, b in zip(functions[self.own], functions[rival], strict=True)]
        for term in multipliers:
            k, weight = items(term, 2)
            if type(k) is not int or not -len(self.slacks) <= k < self.network.bits:
                reject(f"no slack has the number {shown(k)}")
            if (weight := number(weight)) < 0:
                reject("a multiplier is negative")
            slack = slack_of_bit(k) if k >= 0 else self.slacks[-1 - k]
            total = [sum_ + weight * c for sum_, c in zip(total, slack, strict=True)]
        return total

    def proved(self) -> Margin:
        """Return the claim, once all cells are checked."""
        json = self.json
        return Margin(
            point=tuple(json["point"]),
            point_class=self.own,
            norm=self.norm,
            weights=tuple(json["weights"]),
            value=json["value"],
            nearest=json["nearest"] and tuple(json["nearest"]),
            rival=json["rival"],
            text=self.sentence(),
        )

    def sentence(self) -> str:
        """Say what is claimed."""
        threshold = "" if self.threshold is None else f" by the threshold {short(self.threshold)}"
        point = f"{short_point(self.point)}, class {self.own}{threshold}"
        if self.value is None:
            return f"no class but that of {point}, occurs in the domain"
        weights = f" with weights {short_point(self.weights)}" if set(self.weights) != {1} else ""
        return (
            f"the l{self.norm} distance{weights} of {point}, to another class is {self.distance()}; "
            f"nearest point {short_point(self.nearest)}, class {self.json['rival']}"
        )

    def distance(self) -> str:
        """Say the distance; of a root that is not rational, its square and about what it is."""
        if self.norm != "2":
            return short(self.value)
        root = Fraction(*map(math.isqrt, self.value.as_integer_ratio()))
        if root * root == self.value:
            return short(root)
        decimal = Decimal(self.value.numerator) / self.value.denominator
        exact = f"sqrt({short(self.value)}), " if is_short(self.value) else ""
        return f"{exact}about {decimal.sqrt():.6g}"


def value_on(function: Fractions, point: Fractions) -> Fraction:
    """Return the value of an affine function at a point."""
    return function[-1] + sum(map(mul, function, point))


def short_point(point: Fractions) -> str:
    """Write a point for people."""
    return f"({', '.join(map(short, point))})"


def short(value: Fraction) -> str:
    """Write a number for people: exactly if that is short, otherwise rounded."""
    return str(value) if is_short(value) else f"about {Decimal(value.numerator) / value.denominator:.6g}"


def is_short(value: Fraction) -> bool:
    """Whether a person would read all of a number."""
    return max(map(int.bit_length, value.as_integer_ratio())) <= 32


# ----------------------------------------------------------------------------------------------- the proof


class Box(NamedTuple):
    """A box: numerators of its ends, and their denominator.

    Attributes:
        reach: The denominator and the largest sizes of all coordinates, times it.
    """

    lower: Vector
    upper: Vector
    denominator: int
    reach: int

    def largest(self, function: Sequence) -> Any:
        """Return the largest value of an affine function, times the denominator."""
        value = function[-1] * self.denominator
        for coefficient, low, high in zip(function, self.lower, self.upper):  # noqa: B905
            value += coefficient * (high if coefficient > 0 else low)
        return value


def box_between(lower: Sequence[int], upper: Sequence[int], denominator: int) -> Box:
    """Return the box with these ends."""
    reach = denominator + sum(map(max, map(abs, lower), map(abs, upper)))
    return Box(tuple(lower), tuple(upper), denominator, reach)


class Node:
    """A node of the proof.

    Attributes:
        lines: Of every stage up to the node's, as affine functions.
        undecided: Bits of the stage that are not decided yet, as a mask.
        upper: Pattern bits that are 1 so far.
        flat: Bits whose function is zero on the whole node (of a group: lines equal to the winner).
        rows: By number; None once pruned.
        box: Around the node.
    """

    __slots__ = ("box", "flat", "lines", "rows", "undecided", "upper")

    def __init__(self, lines: list, undecided: int, upper: int, flat: int, rows: list, box: Box) -> None:
        self.lines: list[list[Vector]] = lines
        self.undecided = undecided
        self.upper = upper
        self.flat = flat
        self.rows: list[Row | None] = rows
        self.box = box

    def copy(self) -> "Node":
        """Return a node that can go its own way."""
        return Node(self.lines.copy(), self.undecided, self.upper, self.flat, self.rows.copy(), self.box)


@dataclass(slots=True)
class Choice:
    """A node at a CHOOSE record, and the position whose record comes next."""

    node: Node
    group: Maximum
    position: int


Task = Node | Choice
Terms = list[tuple[int, Function]]  # sign and function


class Place(NamedTuple):
    """How far a walk is: places in the streams, cells and facets so far."""

    codes: int
    reals: int
    bigs: int
    cells: int
    facets: int


class Part(NamedTuple):
    """A subtree that one process checks and the others pass over."""

    start: Place
    end: Place


@dataclass(slots=True)
class Found:
    """What one process has found in the records that are its own.

    Attributes:
        digest: Of the file that it read.
        certificates, splits, choices, exact_points: How many it checked.
        runs: Number of the first cell, and the fingerprints of that cell and those that follow.
        joined: Pairs of neighbours that were seen to have equal maps, one after the other.
        end: Where its walk ended.
    """

    digest: str
    certificates: int
    splits: int
    choices: int
    exact_points: int
    runs: list[tuple[int, array]]
    joined: array
    end: Place


RECENT = 1 << 14  # cells whose maps are kept, so that most neighbours are compared at once
FINGERPRINTS = 2**61 - 1  # their modulus


class Proof:
    """The walk over the records; one object checks one file, once."""

    def __init__(
        self,
        network: Network,
        domain: Domain,
        blocks: Blocks,
        digest: str,
        exact: ExactLines | None,
        claim: "Claim | None",
        *,
        facets: bool,
    ) -> None:
        self.network, self.domain, self.has_facets = network, domain, facets
        self.digest = digest
        self.exact, self.claim = exact, claim
        self.box = box_between(domain.lower, domain.upper, domain.denominator)
        self.codes = Stream(blocks.get("CODE", []), partial(read_numbers, "h", "CODE"))
        self.reals = Stream(blocks.get("REAL", []), partial(read_numbers, "d", "REAL"))
        self.bigs = Stream(blocks.get("BIGS", []), read_bigs)
        self.read_tables(blocks)
        if claim:
            claim.expect_lists(self.stated_cells)
        self.cells = self.facets = 0
        self.found = Found(digest, 0, 0, 0, 0, [], array("q"), self.place())
        self.parts: list[Part] = []
        self.part, self.next_part = 0, -1  # number and place in CODE of the next part
        self.process, self.processes, self.is_mine = 0, 1, True
        self.progress: Progress | None = None
        self.recent: dict[int, tuple[Vector, ...]] = {}  # affine maps of cells checked last
        self.prints_errors = self.fingerprint_doubt()

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

    def run(self, progress: Progress | None) -> Found:
        """Follow the records to their end."""
        self.progress = progress
        self.walk(self.root())
        for stream, tag in ((self.codes, "CODE"), (self.reals, "REAL"), (self.bigs, "BIGS")):
            if stream.take(1):
                reject(f"{tag} has numbers left over at the end of the proof")
        if self.part != len(self.parts):
            reject(f"parts: {len(self.parts)} planned, {self.part} met")
        self.found.end = self.place()
        return self.found

    def run_parts(self, parts: list[Part], process: int, processes: int, progress: Progress | None) -> Found:
        """Follow the records as one process of several: part i belongs to process i modulo their number.

        What is in no part is followed by all, and belongs to process 0.
        """
        self.parts, self.next_part = parts, parts[0].start.codes
        self.process, self.processes, self.is_mine = process, processes, process == 0
        return self.run(progress)

    def walk(self, node: Node) -> None:
        """Follow the records of a node and all below it; an explicit stack keeps what is still to do."""
        stack: list[Task] = [node]
        while stack:
            task = stack.pop()
            if isinstance(task, Choice):
                self.divide(task, stack)
            elif self.codes.place() == self.next_part:
                self.meet_part(task)
            else:
                self.follow(task, stack)

    def meet_part(self, node: Node) -> None:
        """Check a part, or pass over it if it is another process's."""
        part, is_own = self.parts[self.part], self.part % self.processes == self.process
        if self.place() != part.start:
            self.fail("a part does not begin where it was planned to")
        self.part += 1
        self.next_part = self.parts[self.part].start.codes if self.part < len(self.parts) else -1
        if is_own:
            self.is_mine = True
            self.walk(node)
            self.is_mine = self.process == 0
            if self.place() != part.end:
                self.fail("a part does not end where it was planned to")
        else:
            self.codes.go_to(part.end.codes)
            self.reals.go_to(part.end.reals)
            self.bigs.go_to(part.end.bigs)
            self.cells, self.facets = part.end.cells, part.end.facets

    def place(self) -> Place:
        """Return how far the walk is."""
        return Place(self.codes.place(), self.reals.place(), self.bigs.place(), self.cells, self.facets)

    def root(self) -> Node:
        """Return the whole domain, at the first stage."""
        first = self.network.stages[0]
        lines = lines_on(first, zip(*self.domain.inputs, strict=True))
        return Node([lines], first.bits, 0, 0, list(self.network.domain_rows), self.box)

    def follow(self, node: Node, stack: list[Task]) -> None:
        """Follow a node to where it divides, or to its cell; what it divides into goes on the stack."""
        while True:
            self.advance(node)
            code = self.code()
            if code in DROPS:
                self.drop(node, code)
            elif code == SETTLE:
                self.settle(node)
            elif code in PRUNES:
                self.prune(node, code)
            elif code == BOUND:
                self.bound(node)
            elif code == SPLIT:
                stack += [self.split(node), node]
                return
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
        codes = self.codes
        if codes.at < len(codes.values):
            codes.at += 1
            return codes.values[codes.at - 1]
        value = codes.take(1)
        return value[0] if value else self.fail("CODE ends early")

    def take(self, source: Stream, count: int, tag: str) -> list:
        """Return the next numbers of a stream."""
        values = source.take(count)
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

    def positions(self, bound: int, *, least: int = 0, lowest: int = 0) -> list[int]:
        """Return a list of different numbers from ``lowest`` to below ``bound``, preceded by its length."""
        return self.different(self.code(), bound, least=least, lowest=lowest)

    def different(self, count: int, bound: int, *, least: int = 0, lowest: int = 0) -> list[int]:
        """Return so many different numbers from ``lowest`` to below ``bound``."""
        if not least <= count <= bound - lowest:
            self.fail(f"a list of {count} numbers, expected {least} to {bound - lowest}")
        values = self.take(self.codes, count, "CODE")
        if values and (min(values) < lowest or max(values) >= bound or len(set(values)) != count):
            self.fail(f"expected different numbers from {lowest} to {bound - 1}, got {shown(values)}")
        return values

    # --------------------------------------------------------------------------------------- certificates

    def certify(self, node: Node, goals: Terms, kind: int) -> None:
        """Read what a record of this kind says after its goals: that they are not positive on the node."""
        is_tie = kind in (DROPT, PRUNET, LOSEST)
        numbers = self.positions(len(node.rows), lowest=-2 * self.domain.dimension if is_tie else 0)
        terms = goals + self.slacks(node, numbers)
        if is_tie:
            self.expect_tie(terms)
        elif kind in (DROPI, PRUNEI) and any(function.error for _, function in terms):
            self.expect_implied(terms)
        else:
            weights = (
                self.implied(terms) if kind in (DROPI, PRUNEI) else self.stated(terms, exact=kind in EXACT)
            )
            # A row may have given the node its box: that must not say that the row is implied.
            self.expect_not_positive(self.box if kind in PRUNES else node.box, weights, terms, len(goals))
        self.found.certificates += self.is_mine

    def slacks(self, node: Node, numbers: list[int]) -> Terms:
        """Return rows of a node that are in use, and faces of the bounding box, as terms."""
        rows = [node.rows[number] if number >= 0 else self.face(number) for number in numbers]
        if None in rows:
            self.fail(f"row {numbers[rows.index(None)]} is out of use")
        return [(1, row.function) for row in rows]

    def expect_not_positive(self, box: Box, weights: list[int], terms: Terms, goals: int) -> None:
        """The sum of terms has no positive value on the box."""
        if min(weights[:goals]) <= 0:
            self.fail("a theta is not positive")
        if min(weights) < 0:
            self.fail("a multiplier is negative")
        largest = box.largest(sum_of(weights, terms, [function.vector for _, function in terms]))
        if self.exact:
            doubt = box.reach * sum(
                w * function.error for w, (_, function) in zip(weights, terms, strict=True)
            )
            if doubt and -doubt < largest <= doubt:
                vectors = [function.exact() if function.error else function.vector for _, function in terms]
                largest = box.largest(sum_of(weights, terms, vectors))
        if largest > 0:
            self.fail("a certificate does not add up")

    def expect_tie(self, terms: Terms) -> None:
        """The first term is minus a combination of the others, which are independent; all multipliers are > 0."""
        goal, *functions = [negated(function) if sign < 0 else function for sign, function in terms]
        size, width = len(functions), self.domain.dimension + 1
        if not any(function.error for function in (goal, *functions)):
            weights = cancelling(goal.vector, [function.vector for function in functions])
            if weights is None:
                self.fail("a tie between functions that are not independent")
            if min(weights) <= 0:
                self.fail("a tie with a multiplier that is not positive")
            vectors = [function.vector for _, function in terms]
            if any(sum_of(weights, terms, vectors)):
                self.fail("a tie that is none")
            return
        if size > MOST_TIED:
            self.fail(f"a tie of {size} functions in real numbers, where {MOST_TIED} is the most")
        every = ((c, exact) for exact in (False, True) for c in combinations(range(width), size))
        choices = islice(every, MOST_MINORS)
        columns = next((c for c, exact in choices if sign_of_minor(functions, c, exact=exact)), None)
        if columns is None:
            self.fail("a tie between functions that are not seen to be independent")
        orientation = sign_of_minor(functions, columns)
        for j in range(size):
            if sign_of_minor([*functions[:j], goal, *functions[j + 1 :]], columns) != -orientation:
                self.fail("a tie with a multiplier that is not positive")
        for column in set(range(width)) - set(columns):
            if sign_of_minor([*functions, goal], (*columns, column)):
                self.fail("a tie that is none")

    def expect_implied(self, terms: Terms) -> None:
        """Some multipliers >= 0 cancel all coefficients, and leave a constant <= 0."""
        goal, *functions = [negated(function) if sign < 0 else function for sign, function in terms]
        columns = range(self.domain.dimension)
        orientation = sign_of_minor(functions, columns) if len(functions) == len(columns) else 0
        if not orientation:
            self.fail("the rows do not determine their multipliers")
        for j in columns:
            if sign_of_minor([*functions[:j], goal, *functions[j + 1 :]], columns) == orientation:
                self.fail("a multiplier is negative")
        if sign_of_minor([*functions, goal], range(len(columns) + 1)) == orientation:
            self.fail("a certificate does not add up")

    def stated(self, terms: Terms, *, exact: bool) -> list[int]:
        """Read the multipliers, and return them as integers that go with the vectors of the terms."""
        return weighed(self.multipliers(len(terms), exact=exact), terms)

    def implied(self, terms: Terms) -> list[int]:
        """Return the multipliers with which the rows cancel the one goal's coefficients."""
        (sign, goal), *rows = terms
        is_square = len(rows) == self.domain.dimension
        goals, normals = [sign * c for c in goal.vector[:-1]], [row.vector[:-1] for _, row in rows]
        weights = cancelling(goals, normals) if is_square else None
        return self.fail("the rows do not determine their multipliers") if weights is None else weights

    def face(self, number: int) -> Row:
        """Return the slack of a face of the bounding box, up to a positive factor."""
        sign, j = divmod(-1 - number, self.domain.dimension)
        bound = self.domain.upper[j] if sign else -self.domain.lower[j]
        one = -self.domain.denominator if sign else self.domain.denominator
        return Row(Function((*(one * (i == j) for i in range(self.domain.dimension)), bound), 0), -1, 0)

    def is_in_box(self, point: Vector) -> bool:
        """Whether a point is strictly inside the bounding box."""
        one, common = point[-1], self.domain.denominator
        corners = zip(point, self.domain.lower, self.domain.upper)  # noqa: B905
        return all(low * one < common * value < high * one for value, low, high in corners)

    # ------------------------------------------------------------------------------------------ functions

    def function(
        self, node: Node, index: int, plus: int, minus: int = -1, shift: int = 0, exponent: int = 0
    ) -> Function:
        """Return ``lines[plus] - lines[minus] - shift`` of a stage on the node; without ``minus`` if that is -1."""
        stage, lines = self.network.stages[index], node.lines[index]
        vector, error, factor = lines[plus], stage.errors[plus], stage.factor
        if minus >= 0:
            vector, error = tuple(map(sub, vector, lines[minus])), error + stage.errors[minus]
        if shift:
            vector = (*vector[:-1], vector[-1] - shift)
        if factor != 1:
            vector = tuple(factor * c for c in vector)
        if not error:
            return Function(vector, exponent)
        exact = partial(self.exact.function, index, (plus, minus, shift), node.upper, factor)
        return Function(vector, exponent, factor * error, exact)

    def is_zero(self, function: Function) -> bool:
        """Whether a function is zero."""
        if not function.error:
            return not any(function.vector)
        return max(map(abs, function.vector)) <= function.error and not any(function.exact())

    def value(self, function: Function, point: Vector) -> Any:
        """Return a number of the same sign as the value at a point."""
        value = dot(function.vector, point)
        if function.error and abs(value) <= function.error * sum(map(abs, point)):
            return dot(function.exact(), point)
        return value

    # -------------------------------------------------------------------------------------------- records

    def advance(self, node: Node) -> None:
        """Go on to the next stage while everything is decided."""
        stages = self.network.stages
        while not node.undecided and len(node.lines) < len(stages):
            stage, following = stages[len(node.lines) - 1], stages[len(node.lines)]
            results = [result_on(unit, stage, node.lines[-1], node.upper) for unit in stage.units]
            node.lines.append(lines_on(following, zip(*results, strict=True)))
            node.undecided = following.bits

    def undecided_switch(self, node: Node) -> tuple[Switch, Function]:
        """Read the number of a switch of the node's stage, not yet decided; return it with its function."""
        stage, number = self.network.stages[len(node.lines) - 1], self.code()
        if not 0 <= number < len(stage.switches):
            self.fail(f"switch {number} of a stage with {len(stage.switches)}")
        switch = stage.switches[number]
        if not node.undecided >> switch.bit & 1:
            self.fail(f"switch {number} is decided twice")
        _, plus, minus, shift, exponent = switch
        return switch, self.function(node, len(node.lines) - 1, plus, minus, shift, exponent)

    def drop(self, node: Node, code: int) -> None:
        """Decide a switch on the whole node."""
        switch, function = self.undecided_switch(node)
        side = self.code()
        if side not in (0, 1):
            self.fail(f"side {side}")
        self.certify(node, [(1 - 2 * side, function)], code)
        self.take_side(node, switch.bit, function, side)

    def take_side(self, node: Node, bit: int, function: Function, side: int) -> None:
        """Decide a switch whose function is not positive on the other side."""
        is_zero = self.is_zero(function)
        if is_zero and side == 0:
            self.fail("a switch whose function is zero was decided lower")
        node.undecided ^= 1 << bit
        node.upper |= side << bit
        node.flat |= is_zero << bit

    def settle(self, node: Node) -> None:
        """Decide switches by the node's box alone."""
        stage, index = self.network.stages[len(node.lines) - 1], len(node.lines) - 1
        count = -(-len(stage.switches) // 16)
        settled, sides = self.mask(count), self.mask(count)
        if settled >> len(stage.switches) or sides & ~settled:
            self.fail(
                f"SETTLE of switches {settled:#x}, sides {sides:#x}, in a stage with {len(stage.switches)}"
            )
        for number in ones(settled):
            bit, plus, minus, shift, exponent = stage.switches[number]
            if not node.undecided >> bit & 1:
                self.fail(f"switch {number} is decided twice")
            function, side = self.function(node, index, plus, minus, shift, exponent), sides >> number & 1
            self.expect_not_positive(node.box, [1], [(1 - 2 * side, function)], 1)
            self.take_side(node, bit, function, side)
            self.found.certificates += self.is_mine

    def mask(self, count: int) -> int:
        """Return so many codes as one number."""
        codes = self.take(self.codes, count, "CODE")
        return sum((code & 0xFFFF) << 16 * place for place, code in enumerate(codes))

    def bound(self, node: Node) -> None:
        """Give a node a smaller box."""
        box, dimension = node.box, self.domain.dimension
        ends: list[list[Fraction]] = [[], []]
        for j in range(dimension):
            for sign, old, new in ((-1, box.lower, ends[0]), (1, box.upper, ends[1])):
                count = self.code()
                new.append(
                    Fraction(old[j], box.denominator) if count == -1 else self.end(node, sign, j, count)
                )
        if any(low >= high for low, high in zip(*ends, strict=True)):
            self.fail("BOUND: a box without interior")
        one = common_denominator([*ends[0], *ends[1]])
        node.box = box_between(numerators(ends[0], one), numerators(ends[1], one), one)

    def end(self, node: Node, sign: int, j: int, count: int) -> Fraction:
        """Return the lower (``sign`` is -1) or upper (1) end of a coordinate, which a number of rows prove."""
        slacks = self.slacks(node, self.different(count, len(node.rows)))
        ((above, below),) = self.ratios(1)
        goal, odd = [0] * (self.domain.dimension + 1), self.network.odd
        goal[j], goal[-1] = sign * below * odd, -sign * above * odd
        terms = [(1, Function(tuple(goal), 1 - below.bit_length())), *slacks]
        weights = weighed([(1, 0), *self.multipliers(count, exact=False)], terms)
        self.expect_not_positive(node.box, weights, terms, 1)
        self.found.certificates += self.is_mine
        return Fraction(above, below)

    def split(self, node: Node) -> Node:
        """Make a node its lower half, and return the upper one."""
        switch, function = self.undecided_switch(node)
        if self.is_zero(function):
            self.fail("SPLIT by a switch whose function is zero")
        bit = 1 << switch.bit
        node.undecided ^= bit
        upper = node.copy()
        upper.upper |= bit
        upper.rows.append(Row(function, switch.bit, bit))
        node.rows.append(Row(negated(function), switch.bit, bit))
        self.found.splits += self.is_mine
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
        self.certify(node, [(-1, row.function)], code)
        return number

    def choose(self, node: Node) -> Choice:
        """Begin to divide a node among the lines of a group."""
        stage, number = self.network.stages[len(node.lines) - 1], self.code()
        group = stage.groups.get(number)
        if group is None:
            self.fail(f"CHOOSE of unit {number}, which is no group of this stage")
        if not node.undecided >> group.bit & 1:
            self.fail(f"group {number} is decided twice")
        self.found.choices += self.is_mine
        return Choice(node, group, 0)

    def divide(self, choice: Choice, stack: list[Task]) -> None:
        """Read the record of one position of a group."""
        size, position = len(choice.group.sources), choice.position
        if position == size:
            return
        choice.position += 1
        stack.append(choice)
        code, named = self.code(), self.code()
        if code not in (LOSES, LOSESX, LOSEST, WINS) or named != position:
            self.fail(f"expected LOSES or WINS of position {position}, got record {code} of {named}")
        rivals = self.positions(size, least=int(code != WINS))
        if position in rivals:
            self.fail(f"position {position} against itself")
        if code == WINS:
            stack.append(self.win(choice.node, choice.group, position, rivals))
        else:
            self.lose(choice.node, choice.group, position, rivals, code)

    def difference(self, node: Node, group: Maximum, i: int, c: int) -> Function:
        """Return ``z_i - z_c``."""
        index = len(node.lines) - 1
        exponent = self.network.stages[index].exponent
        return self.function(node, index, group.sources[i], group.sources[c], exponent=exponent)

    def lose(self, node: Node, group: Maximum, i: int, rivals: list[int], code: int) -> None:
        """Check that a line of a group wins nowhere on the node."""
        functions = [self.difference(node, group, i, c) for c in rivals]
        if any(c < i and self.is_zero(function) for c, function in zip(rivals, functions, strict=True)):
            self.fail(f"position {i} loses to an equal line at a smaller position")
        self.certify(node, [(1, function) for function in functions], code)

    def win(self, node: Node, group: Maximum, i: int, rivals: list[int]) -> Node:
        """Return the part of a node where a line of a group wins."""
        if rivals != sorted(rivals):
            self.fail("WINS: positions not in ascending order")
        child, listed = node.copy(), set(rivals)
        for c in range(len(group.sources)):
            function = self.difference(node, group, i, c)
            is_zero = self.is_zero(function)
            if c == i:
                child.upper |= 1 << group.bit + i
            elif c in listed and not is_zero:
                child.rows.append(Row(function, group.bit + c, 1 << group.bit + i | 1 << group.bit + c))
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
        self.keep_map(number, tuple(node.lines[-1]))
        if self.claim and self.claim.value != 0:
            self.check_margin(node, number)
        if self.has_facets:
            self.check_facets(node, number)
        self.cells += 1
        if self.progress and self.is_mine and self.cells % 64 == 0:
            self.progress(self.cells, self.stated_cells)

    def expect_listed(self, cell: int, point: Vector, *, exact: bool) -> None:
        """WITN and XPTS have the witness."""
        *above, one = point
        dimension = self.domain.dimension
        listed = self.witnesses[cell * dimension : (cell + 1) * dimension].tolist()
        if exact:
            values = [Fraction(value, one) for value in above]
            if vector(self.exact_points.get(str(cell)), dimension) != values:
                self.fail("XPTS has another witness")
            self.found.exact_points += self.is_mine
        try:
            nearest = [value / one for value in above]
        except OverflowError:
            self.fail("a witness beyond all doubles, which WITN cannot have")
        if listed != nearest:
            self.fail("WITN has another witness")

    def expect_inside(self, node: Node, point: Vector) -> None:
        """The point is inside the domain, and the network there does what the proof says of the node."""
        domain_rows = self.network.domain_rows
        if not self.is_in_box(point) or any(dot(row.function.vector, point) <= 0 for row in domain_rows):
            self.fail("the witness is not inside the domain")
        pattern, zeros, outputs = network_at(self.network, self.domain, point, self.exact)
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
            if code in PRUNES:
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
        if self.value(node.rows[number].function, point) >= 0:
            self.fail(f"FACET: the point is not beyond row {number}")
        reach = sum(map(abs, point))
        for other, row in enumerate(node.rows):
            if row is None or other == number:
                continue
            vector, _, error, _ = function = row.function
            if dot(vector, point) <= error * reach and self.value(function, point) <= 0:
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
        if across < cell and across in self.recent and self.recent[across] == self.recent.get(cell):
            self.found.joined.extend((across, cell))

    def changes_only_across(self, node: Node, row: Row, changed: int) -> bool:
        """Whether bits change, and all their functions on the node are multiples of the row's."""
        if not changed or changed >> self.network.bits:
            return False
        bits = [bit for bit in range(self.network.bits) if changed >> bit & 1]
        return all(self.is_multiple(self.function_of_bit(node, bit), row.function) for bit in bits)

    def function_of_bit(self, node: Node, bit: int) -> Function:
        """Return the function of a bit on the node; of a line in a group, the winner minus that line."""
        index, owner = self.network.owners[bit]
        if isinstance(owner, Switch):
            return self.function(node, index, owner.plus, owner.minus, owner.shift)
        winner = owner.sources[winner_of(owner, node.upper)]
        return self.function(node, index, winner, owner.sources[bit - owner.bit])

    def is_multiple(self, function: Function, of: Function) -> bool:
        """Whether a function is a multiple of another, which is not zero: all 2x2 minors are zero."""
        if not function.error and not of.error:
            return is_multiple(function.vector, of.vector)
        pairs = combinations(range(len(of.vector)), 2)
        return not any(sign_of_minor([function, of], columns) for columns in pairs)

    def check_margin(self, node: Node, cell: int) -> None:
        """No rival reaches the class of the claim's point in the cell, within the ball."""
        try:
            for rival, total in self.claim.sums(cell, node.lines[-1], partial(self.slack_of_bit, node)):
                if self.claim.value is None:
                    is_negative = self.box.largest(total) < 0
                else:
                    is_negative = self.claim.is_negative_on_ball(total)
                if not is_negative:
                    reject(f"the entry of rival {rival} does not add up")
        except Rejected as problem:
            self.fail(f"MARG: {problem}")

    def slack_of_bit(self, node: Node, bit: int) -> Fractions:
        """Return the function of a bit on the node, with the sign that makes it >= 0 there; deployed reading."""
        index, owner = self.network.owners[bit]
        stage, is_lower = self.network.stages[index], isinstance(owner, Switch) and not node.upper >> bit & 1
        one = stage.denominator * stage.factor
        return [Fraction(-c if is_lower else c, one) for c in self.function_of_bit(node, bit).vector]

    # --------------------------------------------------------------------------------------- affine maps

    def fingerprint_doubt(self) -> int:
        """Return how far the sum that makes a fingerprint may be from that of the true map."""
        width, errors = self.domain.dimension + 1, self.network.stages[-1].errors
        spread = [error for error in errors for _ in range(width)]
        self.print_weights = [pow(0x9E3779B97F4A7C15, k + 1, FINGERPRINTS) for k in range(len(spread))]
        return sum(map(mul, self.print_weights, spread))

    def fingerprint(self, lines: tuple[Vector, ...]) -> int:
        """Return a number of an affine map; those of equal maps are at most 1 apart, see `are_near`."""
        total = sum(map(mul, self.print_weights, [c for line in lines for c in line]))
        return total // (2 * self.prints_errors + 1) % FINGERPRINTS

    def keep_map(self, cell: int, lines: tuple[Vector, ...]) -> None:
        """Keep the fingerprint of the affine map of the cell in hand; the map itself for a while, if it is exact."""
        if not self.is_mine:
            return
        runs = self.found.runs
        if not runs or runs[-1][0] + len(runs[-1][1]) != cell:
            runs.append((cell, array("q")))
        runs[-1][1].append(self.fingerprint(lines))
        if not self.prints_errors:
            self.recent[cell] = lines
            self.recent.pop(cell - RECENT, None)

    def map_on(self, pattern: int) -> list[Vector]:
        """Return the lines of the last stage where a pattern holds, from the network alone."""
        stages = self.network.stages
        lines = lines_on(stages[0], zip(*self.domain.inputs, strict=True))
        for stage, following in pairwise(stages):
            results = [result_on(unit, stage, lines, pattern) for unit in stage.units]
            lines = lines_on(following, zip(*results, strict=True))
        return lines

    def have_equal_maps(self, a: int, b: int) -> bool:
        """Whether the network has the same affine map on two cells."""
        a_pattern, b_pattern = self.pattern(a), self.pattern(b)
        errors, last = self.network.stages[-1].errors, len(self.network.stages) - 1
        for source, (left, right) in enumerate(
            zip(self.map_on(a_pattern), self.map_on(b_pattern), strict=True)
        ):
            error = errors[source]
            if any(abs(c - e) > 2 * error for c, e in zip(left, right, strict=True)):
                return False
            if error and self.exact.line(last, source, a_pattern) != self.exact.line(last, source, b_pattern):
                return False
        return True

    # ----------------------------------------------------------------------------------------- the end

    def finish(self, found: list[Found]) -> Report:
        """All processes together have checked everything once; nothing is left over, and all counts are those found."""
        end = found[0].end
        if any(one.end != end or one.digest != self.digest for one in found):
            raise Unfinished("the processes have not read the same file: nothing is proved")
        prints = self.fingerprints(found, end.cells)
        if (used := sum(one.exact_points for one in found)) != (stated := len(self.exact_points)):
            reject(f"XPTS: no exact witness belongs to {stated - used} of its {stated} entries")
        if not end.cells:
            reject("the domain has no interior")
        facets = edges = regions = None
        if self.has_facets:
            facets = end.facets
            edges, regions = self.count_regions(prints, found)
            if facets != 2 * edges:
                reject(f"{facets} facets, but {edges} edges")
        counts = {"cells": end.cells, "facets": facets, "edges": edges, "linear_regions": regions}
        for field, count in counts.items():
            expect_count(self.done[field], count, f"DONE {field}")
            if field != "facets":
                expect_count(self.stat.get(field), count, f"STAT {field}")
        dimension, units = self.domain.dimension, self.network.units
        reading = "ideal" if self.exact else "deployed"
        told = {"dimension": dimension, "units": units, "reading": reading, "certified": True}
        for field in told.keys() & self.stat.keys():
            expect_count(self.stat[field], told[field], f"STAT {field}")
        return Report(
            complete=True,
            dimension=dimension,
            units=units,
            certificates=sum(one.certificates for one in found),
            splits=sum(one.splits for one in found),
            choices=sum(one.choices for one in found),
            sha256=self.digest,
            reading=reading,
            margin=self.claim and self.claim.proved(),
            **counts,
        )

    def fingerprints(self, found: list[Found], cells: int) -> array:
        """Return the fingerprints of all cells, once every cell is found to have been checked by one process."""
        prints, filled = array("q", bytes(8 * cells)), 0
        for first, values in sorted(run for one in found for run in one.runs):
            if first != filled:
                raise Unfinished(
                    f"cell {min(first, filled)} was checked by no process, or by two: nothing is proved"
                )
            filled += len(values)
            prints[first:filled] = values
        if filled != cells:
            raise Unfinished(f"cell {filled} was checked by no process: nothing is proved")
        return prints

    def count_regions(self, prints: array, found: list[Found]) -> tuple[int, int]:
        """Return the numbers of edges and linear regions, once REGI is found to be right."""
        cells, edges = len(prints), 0
        parents = array("q", range(cells))  # union-find: the smallest cell stands for a region
        for one in found:
            for a, b in zip(one.joined[::2], one.joined[1::2], strict=True):
                join(parents, a, b)
        for cell in range(cells):
            for across in self.across[self.facet_starts[cell] : self.facet_starts[cell + 1]]:
                if across < cell:
                    edges += 1
                    if (
                        are_near(prints[across], prints[cell])
                        and find(parents, across) != find(parents, cell)
                        and self.have_equal_maps(across, cell)
                    ):
                        join(parents, across, cell)
        labels, count = array("q", bytes(8 * cells)), 0
        for cell in range(cells):
            if (root := find(parents, cell)) == cell:
                labels[cell] = count
                count += 1
            if self.regions[cell] != labels[root]:
                reject(f"REGI: cell {cell} is in linear region {labels[root]}, not {self.regions[cell]}")
        return edges, count


def are_near(a: int, b: int) -> bool:
    """Whether fingerprints may be those of equal maps."""
    return (a - b + 1) % FINGERPRINTS <= 2


def join(parents: array, a: int, b: int) -> None:
    """Put two cells in one linear region."""
    a, b = find(parents, a), find(parents, b)
    parents[max(a, b)] = min(a, b)


def find(parents: array, cell: int) -> int:
    """Return the cell that stands for the linear region of a cell."""
    while parents[cell] != cell:
        parents[cell] = cell = parents[parents[cell]]
    return cell


def dot(function: Vector, point: Vector) -> int:
    """Return the value at a point, times positive denominators."""
    return sum(map(mul, function, point))


def cancelling(goal: Sequence[int], rows: Sequence[Sequence[int]]) -> list[int] | None:
    """Return integers with ``w_0 goal + sum w_i row_i = 0`` and w_0 > 0; None if the rows are dependent.

    Elimination without fractions (Bareiss 1968); whoever uses the result adds it up again, for there may be none.
    """
    system = [[*(row[j] for row in rows), -goal[j]] for j in range(len(goal))]
    pivot = 1
    for step in range(len(rows)):
        found = next((i for i in range(step, len(system)) if system[i][step]), None)
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
    return [abs(pivot), *(sign * row[-1] for row in system[: len(rows)])]


def negated(function: Function) -> Function:
    """Return minus a function."""
    exact = function.exact and (lambda: tuple(-c for c in function.exact()))
    return function._replace(vector=tuple(-c for c in function.vector), exact=exact)


def weighed(multipliers: Sequence[tuple[int, int]], terms: Terms) -> list[int]:
    """Return multipliers (n, e), n * 2**e each, as integers that go with the vectors of the terms."""
    exponents = [e + function.exponent for (_, e), (_, function) in zip(multipliers, terms, strict=True)]
    least = min(exponents)
    return [value << e - least for (value, _), e in zip(multipliers, exponents, strict=True)]


def sum_of(weights: Sequence[int], terms: Terms, vectors: Sequence[Sequence]) -> list:
    """Return the weighted sum of the terms' vectors, each with its sign."""
    signed = [weight if sign > 0 else -weight for weight, (sign, _) in zip(weights, terms, strict=True)]
    return [sum(map(mul, signed, column)) for column in zip(*vectors, strict=True)]


def table(blocks: Blocks, tag: str, kind: str, length: int) -> memoryview | array:
    """Return a table of a given length, as it lies in the file."""
    payload = only(blocks, tag)
    expect_whole(payload, size := array(kind).itemsize, tag)
    if len(payload) != length * size:
        reject(f"block {tag}: {len(payload) // size} numbers, expected {length}")
    return payload.cast(kind) if sys.byteorder == "little" else numbers_of(payload, kind, tag)


# ------------------------------------------------------------------------------------------ several processes

SHARES = 32  # parts for each process, so that all have about as much to do
LONGEST = 1 << 17  # numbers; no record is longer, and no end of a box


def divide_proof(proof: Proof, processes: int) -> list[Part]:
    """Plan the parts: largest subtrees of at most so many codes.  No plan can make a wrong proof pass; none is [].

    Only the structure of the records is read here: how long each is, and where nodes begin and end.
    """
    limit = sum(map(len, proof.codes.payloads)) // (SHARES * processes)
    try:
        return Scan(proof, limit).parts()
    except (Rejected, IndexError, KeyError):
        return []  # then one process alone finds what is wrong
    finally:
        for stream in (proof.codes, proof.reals, proof.bigs):
            stream.go_to(0)


class Scan:
    """A walk over the lengths of the records."""

    def __init__(self, proof: Proof, limit: int) -> None:
        self.proof, self.limit = proof, limit
        self.sizes = [len(stage.switches) + len(stage.groups) for stage in proof.network.stages]
        self.codes: list[int] = []
        self.at = self.before = 0  # the next code in ``codes``, and bytes before ``codes``
        self.enough = -1  # from the places in ``codes`` up to this one on there is all of any record
        self.reals = self.bigs = self.cells = self.facets = 0

    def place(self) -> Place:
        """Return how far the scan is."""
        return Place(
            self.before + 2 * self.at, 8 * self.reals, self.proof.bigs.place(), self.cells, self.facets
        )

    def refill(self) -> None:
        """Have all of the next record in ``codes``, if there is one."""
        self.before += 2 * self.at
        more = self.proof.codes.take(LONGEST)
        self.codes, self.at = self.codes[self.at :] + more, 0
        self.enough = len(self.codes) - (LONGEST if len(more) == LONGEST else 0)

    def parts(self) -> list[Part]:
        """Return the parts, in order.

        A node is (rows in use but the domain's, stage, undecided switches and groups of the stage); a choice has the
        size of its group and the next position as well; a mark says where a subtree began, and before which part.
        """
        parts: list[Part] = []
        todo: list[tuple] = [(0, 0, self.sizes[0])]
        while todo:
            task = todo.pop()
            if isinstance(task[0], Place):
                start, count = task
                end = self.place()
                if end.codes - start.codes <= self.limit:
                    parts[count:] = [Part(start, end)]
            elif len(task) == 5:
                self.scan_choice(task, todo)
            else:
                todo.append((self.place(), len(parts)))
                self.scan_node(*task, todo)
        return parts

    def scan_node(self, rows: int, stage: int, undecided: int, todo: list[tuple]) -> None:
        """Scan the records of a node up to where it divides, or to its cell."""
        codes, at, last = self.codes, self.at, len(self.sizes) - 1
        while True:
            while not undecided and stage < last:
                stage += 1
                undecided = self.sizes[stage]
            if at > self.enough:
                self.at = at
                self.refill()
                codes, at = self.codes, 0
            code = codes[at]
            if code in DROPS:
                count = codes[at + 3]
                undecided, at = undecided - 1, at + 4 + count
            elif code == SETTLE:
                masks = -(-len(self.proof.network.stages[stage].switches) // 16)
                undecided -= sum((codes[at + 1 + i] & 0xFFFF).bit_count() for i in range(masks))
                at += 1 + 2 * masks
                continue
            elif code == BOUND:
                at = self.pass_ends(at + 1)
                codes = self.codes
                continue
            elif code in PRUNES:
                count = codes[at + 2]
                rows, at = rows - 1, at + 3 + count
            else:
                break
            self.pass_numbers(code, count, 1)
        self.at = at + 2
        if code == SPLIT:
            todo += [(rows + 1, stage, undecided - 1)] * 2
        elif code == CHOOSE:
            group = self.proof.network.stages[stage].groups[codes[at + 1]]
            todo.append((rows, stage, undecided - 1, len(group.sources), 0))
        else:
            self.at = at + 1
            self.scan_cell(code, rows)

    def pass_ends(self, at: int) -> int:
        """Pass over the ends of a box, each as long as a record may be; return the place after them."""
        for _ in range(2 * self.proof.domain.dimension):
            if at > self.enough:
                self.at = at
                self.refill()
                at = 0
            count = self.codes[at]
            if count < -1:
                reject("a list of a negative length")
            at += 1 + max(count, 0)
            self.reals += count + 1
        return at

    def scan_cell(self, code: int, rows: int) -> None:
        """Scan a cell with its facets."""
        self.pass_point(code, CELLX)
        self.cells += 1
        for _ in range(rows if self.proof.has_facets else 0):
            if self.at > self.enough:
                self.refill()
            code = self.codes[self.at]
            self.at += 2
            if code in PRUNES:
                count = self.codes[self.at]
                self.at += 1 + count
                self.pass_numbers(code, count, 1)
            else:
                self.pass_point(code, FACETX)
                self.facets += 1

    def scan_choice(self, task: tuple, todo: list[tuple]) -> None:
        """Scan one position of a choice."""
        rows, stage, undecided, size, position = task
        if position == size:
            return
        if self.at > self.enough:
            self.refill()
        code, rivals = self.codes[self.at], self.codes[self.at + 2]
        if rivals < 0:
            reject("a list of a negative length")
        todo.append((rows, stage, undecided, size, position + 1))
        self.at += 3 + rivals
        if code == WINS:
            todo.append((rows + rivals, stage, undecided))
        else:
            count = self.codes[self.at]
            self.at += 1 + count
            self.pass_numbers(code, count, rivals)

    def pass_numbers(self, code: int, rows: int, goals: int) -> None:
        """Pass over multipliers."""
        if rows < 0 or goals < 1:
            reject("a list of a negative length")
        if code in STATED:
            self.reals += rows + goals
        elif code in EXACT:
            self.proof.bigs.take(rows + goals)

    def pass_point(self, code: int, exact: int) -> None:
        """Pass over a point."""
        if code == exact:
            self.proof.bigs.take(self.proof.domain.dimension + 1)
        else:
            self.reals += self.proof.domain.dimension


def check_parts(
    data: Any, path: Any, digest: str, parts: list[Part], process: int, processes: int, pipe: Connection
) -> None:
    """Be one process: check its parts, and send what it has found, or how far it came and why no further."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches all processes of a terminal; the first answers it
    proof = None
    try:
        if data is None:
            with open(path, "rb") as file:
                data = contents(file)
        proof = prepare(data)
        if proof.digest != digest:
            raise Unfinished("the file was changed while it was being checked: nothing is proved")
        answer: Any = proof.run_parts(parts, process, processes, lambda *_: pipe.send(proof.codes.place()))
    except (Rejected, Unreadable, Unfinished) as problem:
        answer = (proof.codes.place() if proof else 0, problem)
    except Exception as problem:
        answer = (proof.codes.place() if proof else 0, unforeseen(problem))
    with suppress(BrokenPipeError):  # nobody waits for it any more
        pipe.send(answer)


class Crew:
    """Processes that check parts of one file; they share nothing but the plan."""

    def __init__(self, data: Any, path: Any, proof: Proof, parts: list[Part], processes: int) -> None:
        # Threads do not survive a fork; a process that is not forked opens the file again.
        is_forked = os.name == "posix" and threading.active_count() < 2
        context = multiprocessing.get_context(("spawn", "fork")[is_forked])
        self.stated_cells, self.running = proof.stated_cells, {}
        if not is_forked and path is not None:
            data = None
        for number in range(processes):
            pipe, theirs = context.Pipe(duplex=False)
            arguments = (data, path, proof.digest, parts, number, processes, theirs)
            process = context.Process(target=check_parts, args=arguments, daemon=True)
            try:
                process.start()
            except (OSError, AssertionError) as problem:
                self.stop()
                raise Unfinished(f"a worker process cannot be started: {problem}") from None
            theirs.close()
            self.running[pipe] = process

    def gather(self, progress: Progress | None) -> list[Found]:
        """Return what all have found; the first rejection is what one process alone would have come to."""
        found: list[Found] = []
        problems: list[tuple[int, Exception]] = []
        cells = 0
        try:
            while self.running:
                for pipe in wait(list(self.running)):
                    try:
                        answer = pipe.recv()
                    except (EOFError, OSError):
                        raise self.loss(pipe) from None
                    if isinstance(answer, int):
                        cells += 64
                        if progress:
                            progress(cells, self.stated_cells)
                        continue
                    self.running.pop(pipe).join()
                    (found if isinstance(answer, Found) else problems).append(answer)
        finally:
            self.stop()
        if problems:
            raise min(problems, key=itemgetter(0))[1]
        return found

    def loss(self, pipe: Connection) -> Unfinished:
        """Return what to say of a process that ended without an answer."""
        process = self.running[pipe]
        process.join()
        code = process.exitcode
        return Unfinished(
            f"a worker process was lost (exit code {code}): nothing is proved; is there enough memory?"
        )

    def stop(self) -> None:
        """End all that still run."""
        for process in self.running.values():
            process.terminate()
            process.join()


# --------------------------------------------------------------------------------------------- command line


def main(words: list[str] | None = None) -> int:
    """Check a file and say what came out; return the exit code."""
    parser = argparse.ArgumentParser(description="Check the proof in a .cpa file.")
    parser.add_argument("file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    options = parser.parse_args(words)
    if options.workers < 1:
        parser.error(f"argument --workers: expected a whole number from 1 on, got {options.workers}")
    progress = ProgressLine() if sys.stderr.isatty() else None
    try:
        report = check(options.file, progress, workers=options.workers)
        code, verdict = 0, {"verdict": "proved", **asdict(report)}
    except Rejected as problem:
        report, code, verdict = f"rejected: {problem}", 1, {"verdict": "rejected", "reason": str(problem)}
    except Unreadable as problem:
        report, code, verdict = f"misuse: {problem}", 2, {"verdict": "misuse", "reason": str(problem)}
    except Unfinished as problem:
        report, code, verdict = f"unfinished: {problem}", 2, {"verdict": "unfinished", "reason": str(problem)}
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
