"""A progress line on stderr: cells so far, rate, share of the tree that is done, questions decided exactly.

Main definitions: `Progress`.

Not here: what is counted (`walk.Tally`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

INTERVAL = 0.2
"""Seconds between two updates of the line."""


class Progress:
    """Says how far a walk is, to a function or to a terminal line, or to nobody."""

    def __init__(self, report: Callable[[Any], None] | None, *, line: bool) -> None:
        self._report = report
        self._line = line
        self._start = self._last = time.perf_counter()
        self._shown = False

    @classmethod
    def of(cls, wanted: bool | Callable[[Any], None] | None) -> Progress:  # noqa: FBT001
        """From the argument of the verb: a function, True for the line, else nobody."""
        if callable(wanted):
            return cls(wanted, line=False)
        return cls(None, line=bool(wanted))

    def update(self, tally: Any) -> None:
        """Take note of a new tally."""
        if self._report is not None:
            self._report(tally)
        now = time.perf_counter()
        if self._line and now - self._last >= INTERVAL:
            self._last, self._shown = now, True
            rate = tally.cells / (now - self._start)
            print(
                f"\r{tally.cells:>12,} cells  {rate:>10,.0f}/s  {100 * min(1.0, tally.share):5.1f} % of the tree  "
                f"{tally.decided_exactly:,} decided exactly ",
                end="",
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        """End the line."""
        if self._shown:
            print(file=sys.stderr, flush=True)
