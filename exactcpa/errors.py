"""Errors: one class per cause, one clear sentence each.

An outcome (infeasible, unbounded, degenerate, empty) is a value and never an error.  An error says what was
expected, what came, and where: the layer number (from 0), its type and the field.

Main definitions:
    ExactcpaError: The base of all of them.
    located: Puts the place in front of the sentence of any of them.
    shown: A short text of an offending value.

Conventions:
    Layer numbers count from 0.  A place is written ``layer 2 (batchnorm), field variance``; layers inside a
    residual block name the block first: ``layer 1 (residual), layer 0 (linear), field bias``.

Not here:
    What a number may be: `numbers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

LONGEST_SHOWN = 60


class ExactcpaError(Exception):
    """Base class: catching it catches every misuse this package reports but those of `check`, which has its own."""


class InexactNumber(ExactcpaError):
    """A value that is no exact finite number: NaN, infinity, a boolean, garbage text."""


class DimensionMismatch(ExactcpaError):
    """Two shapes that must agree and do not."""


class BadNetwork(ExactcpaError):
    """A network that is no continuous piecewise-affine function as described."""


class BadDomain(ExactcpaError):
    """A domain that is empty, flat, unbounded or malformed."""


class BadFile(ExactcpaError):
    """A file that cannot be read as what it should be."""


class CertificateRejected(ExactcpaError):
    """A certificate that does not prove its claim.  Always a bug of this package."""


class Undecided(ExactcpaError):
    """A question outside the supported fields.  Names the unit, the cell and the precision reached."""


class WorkerLost(ExactcpaError):
    """Worker processes that died, and those that replaced them too."""


class OutsideDomain(ExactcpaError):
    """A point that is not in the domain it is asked about."""


class BadArgument(ExactcpaError):
    """An argument outside the values a function is defined for."""


@contextmanager
def located(place: str) -> Iterator[None]:
    """Put a place in front of the sentence of any error raised inside.

    A layer does not know its number; whoever builds the network does.

    Example:
        >>> with located("layer 2 (relu)"):
        ...     raise BadNetwork("field slope: not a field of this type")
        Traceback (most recent call last):
        exactcpa.errors.BadNetwork: layer 2 (relu), field slope: not a field of this type
    """
    try:
        yield
    except ExactcpaError as error:
        raise type(error)(f"{place}, {error}") from error


def shown(value: object) -> str:
    """Write a value for an error message, shortened to one line.

    Example:
        >>> shown("x" * 100)[:12]
        "'xxxxxxxxxxx"
        >>> shown(10**5000)
        'a value of type int too long to print'
    """
    try:
        text = " ".join((str(value) if isinstance(value, Fraction) else repr(value)).split())
    except Exception:  # a broken or refused repr (CPython: 4300 digits) must not hide the real error
        return f"a value of type {type(value).__name__} too long to print"
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."
