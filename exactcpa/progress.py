"""A progress line on stderr: cells so far, rate, share of the tree that is done, questions decided exactly.

Main definitions: `Progress`.

Not here: what is counted (`walk.Tally`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from exactcpa.errors import BadArgument, shown

INTERVAL = 0.2
"""Seconds between two updates of the line."""

Report = Callable[[Any], object]


class Progress:
    """Says how far a walk is, to a function or to a terminal line, or to nobody; use as a context manager."""

    def __init__(self, wanted: object) -> None:
        """From the argument of the verb: a function, True for the line, False or None for nobody."""
        if not (wanted is None or isinstance(wanted, bool) or callable(wanted)):
            raise BadArgument(f"expected progress to be True, False, None or a function, got {shown(wanted)}")
        self._report: Report | None = wanted if callable(wanted) else None
        self._line = wanted is True
        self._start = self._last = time.perf_counter()
        self._shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        """End the line."""
        if self._shown:
            sys.stderr.write("\n")
            sys.stderr.flush()

    @property
    def is_heard(self) -> bool:
        """Whether anybody wants to know."""
        return self._line or self._report is not None

    def update(self, tally: Any) -> None:
        """Take note of a new tally."""
        if self._report is not None:
            self._report(tally)
        now = time.perf_counter()
        if self._line and now - self._last >= INTERVAL:
            self._last, self._shown = now, True
            sys.stderr.write("\r" + self._text(tally, now))
            sys.stderr.flush()

    def _text(self, tally: Any, now: float) -> str:
        rate = tally.cells / (now - self._start)
        share = 100 * min(1.0, tally.share)
        exactly = f"{tally.decided_exactly:,} decided exactly "
        return f"{tally.cells:>12,} cells  {rate:>10,.0f}/s  {share:5.1f} % of the tree  {exactly}"
