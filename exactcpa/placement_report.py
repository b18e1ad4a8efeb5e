"""The placement report as a value: tables of exact numbers, and their JSON, CSV and printed forms.

Main definitions:
    Table: Columns and rows; a row's entries are texts, integers, exact numbers, vectors of them, or None.
    BatchnormReport: The settings and the tables.
    number_json: An exact number as JSON.

Conventions:
    JSON keeps every number exactly: ``{"exact": "89/4", "decimal": "22.25"}``; integers are integers; a squared
    distance also has ``root``, the decimal of the distance; a number with square roots has
    ``enclosure``, two rationals around it, and ``exact`` is null where its text would be very long.
    CSV is one table in long form, a line for every quantity: ``table,variant,layer,unit,breakpoint,sample,quantity,
    exact,decimal``.  Decimals are rounded; only people read them.

Not here: how the numbers come about (`placement`).
"""

from __future__ import annotations

import csv
import decimal
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactcpa.errors import BadArgument, shown
from exactcpa.numbers import decimal_text, exactly
from exactcpa.numbers import exact_text as rational_text
from exactcpa.real_quotients import exact_text, quotient
from exactcpa.tables import aligned

KEYS = ("variant", "layer", "unit", "breakpoint", "sample")
SQUARED = frozenset(
    {
        "squared",
        "mean_squared",
        "optimum",
        "excess",
        "input_mean_squared",
        "boundary_squared",
        "off_slice_squared",
    }
)
"""Columns that are squared distances."""
SHORT = 12
"""A fraction with more characters is shown to people as its decimal only."""
MOST_SHOWN = 48
"""Rows of one table that are shown to people."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of exact values.

    Attributes:
        name: What the rows are.
        columns: Names.
        rows: One tuple a row, as long as `columns`.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def dicts(self) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def where(self, conditions: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows with these values in these columns.

        Raises:
            BadArgument: A column that the table does not have.
        """
        for name in conditions:
            if name not in self.columns:
                raise BadArgument(f"table {self.name} has columns {', '.join(self.columns)}, not {name}")
        return [row for row in self.dicts() if all(row[name] == value for name, value in conditions.items())]


@dataclass(frozen=True, slots=True)
class BatchnormReport:
    """What batch normalisation does to the placement of hyperplanes, against the same weights without it.

    Attributes:
        settings: What was asked: mode, reading, domain, window, samples, biases of the variants.
        tables: ``variants``, ``units``, ``samples``, ``distances``, ``folds``, ``windows``.
    """

    settings: Mapping[str, Any]
    tables: Mapping[str, Table]

    def __getitem__(self, name: str) -> Table:
        """A table.

        Raises:
            BadArgument: None of that name.
        """
        if name not in self.tables:
            raise BadArgument(f"expected a table out of {', '.join(self.tables)}, got {shown(name)}")
        return self.tables[name]

    def to_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        tables = {
            name: [
                {column: number_json(value, squared=column in SQUARED) for column, value in row.items()}
                for row in table.dicts()
            ]
            for name, table in self.tables.items()
        }
        return {
            "format": "exactcpa-placement",
            "version": 1,
            "settings": number_json(self.settings),
            "tables": tables,
        }

    def to_csv(self) -> str:
        """The report in long form, one line a quantity."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["table", *KEYS, "quantity", "exact", "decimal"])
        for table in self.tables.values():
            for row in table.dicts():
                keys = ["" if row.get(key) is None else row[key] for key in KEYS]
                for column, value in row.items():
                    if column not in KEYS:
                        writer.writerow([table.name, *keys, column, _exact_text(value), _decimal(value)])
        return out.getvalue()

    def lines(self) -> Iterator[str]:
        """The report for people."""
        yield from aligned([(name, _told(value)) for name, value in self.settings.items()])
        for table in self.tables.values():
            yield ""
            yield f"{table.name}:" if table.rows else f"{table.name}: none"
            yield from _grid(table)


def number_json(value: Any, *, squared: bool = False) -> Any:
    """A value of a table as JSON."""
    match value:
        case None | bool() | int() | str() | float():
            return value
        case Fraction():
            return _number(value, rational_text(value), squared=squared)
        case Mapping():
            return {_key(k): number_json(v) for k, v in value.items()}
        case tuple() | list():
            return [number_json(entry) for entry in value]
    low, high = quotient(value).enclosure(64)
    enclosed = {"enclosure": [str(low), str(high)]}
    return _number((low + high) / 2, exact_text(value), squared=squared) | enclosed


def root_text(square: Fraction, digits: int = 6) -> str:
    """The square root of a rational, rounded, for people.

    Example:
        >>> root_text(Fraction(1, 4)), root_text(Fraction(2))
        ('0.5', '1.41421')
    """
    context = decimal.Context(prec=digits + 20, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
    quotient = context.divide(decimal.Decimal(square.numerator), decimal.Decimal(square.denominator))
    return decimal_text(Fraction(context.sqrt(quotient)), digits)


def _number(near: Fraction, text: str | None, *, squared: bool) -> dict[str, Any]:
    entry = {"exact": text, "decimal": decimal_text(near, 12)}
    return entry | {"root": root_text(max(near, Fraction(0)), 12)} if squared else entry


def _key(key: Any) -> str:
    return ".".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _exact_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case tuple() | list():
            return " ".join(_exact_text(entry) for entry in value)
        case int() | str() | float():
            return str(value)
    return exact_text(value) or ""


def _decimal(value: Any) -> str:
    match value:
        case bool() | None | str():
            return ""
        case int():
            return str(value)
        case float():
            return f"{value:.12g}"
        case Fraction():
            return decimal_text(value, 12)
        case tuple() | list():
            return " ".join(_decimal(entry) for entry in value)
    return decimal_text(_middle(value), 12)


def _told(value: Any) -> str:
    """A value for people: the fraction if it is short, and the decimal."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case Fraction():
            exact, near = rational_text(value), decimal_text(value)
            if value.denominator == 1 and len(exact) <= SHORT:
                return exact
            mark = "" if exactly(near) == value else "~"
            return f"{exact} {mark}{near}" if len(exact) <= SHORT else f"{mark}{near}"
        case Mapping():
            return "; ".join(f"{_key(k)}: {_told(v)}" for k, v in value.items()) or "none"
        case tuple() | list():
            return "(" + ", ".join(_told(entry) for entry in value) + ")"
        case int() | str():
            return str(value)
    return f"~{decimal_text(_middle(value))}"


def _middle(value: Any) -> Fraction:
    """The middle of an enclosure, for decimals."""
    low, high = quotient(value).enclosure(64)
    return (low + high) / 2


def _grid(table: Table) -> Iterator[str]:
    """A table with its columns under each other; long ones are cut, and say so."""
    if not table.rows:
        return
    shown = [[_told(value) for value in row] for row in table.rows[:MOST_SHOWN]]
    widths = [max(map(len, column)) for column in zip(table.columns, *shown, strict=True)]
    for row in (table.columns, *shown):
        yield "  " + "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
    if len(table.rows) > MOST_SHOWN:
        yield f"  ({MOST_SHOWN} of {len(table.rows)} rows; --json and --csv give all)"
