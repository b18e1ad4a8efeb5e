"""The commands ``enumerate``, ``check`` and ``info``: read, call the package, print.

Main definitions:
    run_enumerate, run_check, run_info: Take the parsed arguments, print, return the exit code.
    expect_writable: Complains about an output path before the work.
    announce_compilation: Says why the first run takes longer.
    network_of, domain_of: The network and the domain of a command.
    print_json, print_lines: What goes to stdout.

Conventions:
    The engine is reached through the package's lazy names, so only ``enumerate`` waits for numba.

Not here:
    Arguments, errors and exit codes: `cli`.  What a file contains: `description`.  Rows: `tables`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import warnings
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import exactcpa as cpa
from exactcpa import checker
from exactcpa.data_file import load_data
from exactcpa.description import describe_file, describe_stream
from exactcpa.domain import Box, Polytope, Slice
from exactcpa.domain import from_json as domain_from_json
from exactcpa.errors import BadArgument, BadFile, located, shown
from exactcpa.ideal import IdealNetwork, needs_batch
from exactcpa.network import Network
from exactcpa.network_file import from_json as network_from_json
from exactcpa.network_file import load_network, parse_json
from exactcpa.numbers import exact_text, exactly
from exactcpa.statistics import freeze
from exactcpa.stream_place import is_finished, is_stream, partition_of
from exactcpa.tables import aligned, description_rows, summary_rows

STDIN = "-"
READINGS = ("deployed", "ideal")
KERNELS = Path(__file__).parent / "kernels"


def run_enumerate(options: Namespace) -> int:
    """Enumerate, print a summary, and write the partition if asked to."""
    if options.stream and not options.output:
        raise BadArgument("--stream enumerates into a folder: name it with -o DIR")
    if options.proof and not options.output:
        raise BadArgument("--proof writes into the partition file: name it with -o OUT")
    if options.network == STDIN and options.domain == STDIN:
        raise BadArgument("the network and the domain cannot both come from the standard input")
    if options.output and not options.stream:
        expect_writable(options.output)
    net = read_as(options.reading, network_of(options.network), options.batch)
    domain = domain_of(options, net)
    facts = enumerated(net, domain, options)
    if options.output is not None:
        facts |= {"output": options.output, "bytes": os.path.getsize(partition_of(options.output))}
    if options.json:
        print_json(facts)
    else:
        print_lines(aligned(summary_rows(facts, net, domain)))
    return 0


def read_as(reading: str, net: Network, batch: str | None) -> Network | IdealNetwork:
    """A network in one of the readings, with the statistics of a batch where it has none of its own."""
    if reading not in READINGS:
        raise BadArgument(f"expected --reading to be {' or '.join(READINGS)}, got {shown(reading)}")
    points = load_data(batch).points if batch else ()
    if needs_batch(net.layers) and not points:
        raise BadArgument("a batchnorm has no statistics: name the data that fixes them with --batch DATA")
    if points and not needs_batch(net.layers):
        raise BadArgument("--batch: expected a network with a batchnorm without statistics, got none")
    if reading == "ideal":
        return IdealNetwork(net, points)
    return freeze(net, points) if points else net


def enumerated(
    net: Network | IdealNetwork, domain: Box | Polytope | Slice, options: Namespace
) -> dict[str, Any]:
    """Enumerate as the options say, writing the file if they name one; return the summary."""
    announce_compilation()
    chosen = {"method": options.method, "workers": options.workers, "facets": not options.no_facets}
    if options.stream:
        with _warnings_on_stderr():
            return cpa.enumerate_cells(
                net,
                domain,
                progress=sys.stderr.isatty(),
                proof=options.proof,
                stream=options.output,
                **chosen,
            ).summary()
    part = cpa.enumerate_cells(
        net,
        domain,
        progress=sys.stderr.isatty(),
        proof=options.output if options.proof else None,
        **chosen,
    )
    if options.output is not None and not options.proof:
        part.save(options.output)
    return part.summary()


@contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    """Say a warning in one line, as all that the command says."""

    def say(message: Warning | str, *_: object) -> None:
        print(f"exactcpa: {message}", file=sys.stderr, flush=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = say
        yield


def announce_compilation(kernels: Path = KERNELS) -> None:
    """Say on stderr that the kernels get compiled, if nothing was cached since their sources changed."""
    if os.environ.get("NUMBA_CACHE_DIR") or not os.access(kernels, os.W_OK):
        return  # numba then keeps its cache elsewhere
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    cached = [path.stat().st_mtime for path in (kernels / "__pycache__").glob(f"*.{version}*.nbi")]
    if max(cached, default=0.0) < max(path.stat().st_mtime for path in kernels.glob("*.py")):
        print("compiling the kernels, once: one to four minutes ...", file=sys.stderr, flush=True)


def run_check(options: Namespace) -> int:
    """Check a partition file and say what was verified, or the first thing that is wrong."""
    start = perf_counter()
    with _file(options.file) as path:
        try:
            shown_progress = _counted if sys.stderr.isatty() else None
            report = checker.check(partition_of(path), shown_progress, workers=options.workers)
        except (checker.Unreadable, checker.Unfinished) as error:
            raise BadFile(f"{_shown(options.file)}: {error}") from None
        except checker.Rejected as error:
            facts: dict[str, Any] = {"file": options.file, "accepted": False, "reason": str(error)}
            lines = [f"REJECTED: {error}"]
        else:
            facts = {"file": options.file, "accepted": True} | asdict(report)
            lines = str(report).splitlines()
    facts |= {"seconds": perf_counter() - start}
    if options.json:
        print_json(facts)
    else:
        print_lines([f"{_shown(options.file)}: {'accepted' if facts['accepted'] else 'not proved'}", *lines])
    return 0 if facts["accepted"] else 1


def _counted(done: int, stated: int) -> None:
    print(
        f"\rchecked {done:,} of {stated:,} cells",
        end="\n" if done == stated else "",
        file=sys.stderr,
        flush=True,
    )


def run_info(options: Namespace) -> int:
    """Say what is in a file."""
    with _file(options.file) as path:
        try:
            facts = _described(path) | {"file": options.file}
        except BadFile as error:  # the standard input is in a file of another name meanwhile
            raise BadFile(str(error).replace(path, _shown(options.file))) from None
    if options.json:
        print_json(facts)
    else:
        rows = [("file", f"{_shown(options.file)}, {facts['bytes']:,} bytes"), ("kind", facts["kind"])]
        print_lines(aligned(rows + description_rows(facts)))
    return 0


def _described(path: str) -> dict[str, Any]:
    """What is in a file, or how far a run is that may come to its end meanwhile."""
    if is_stream(path) and not is_finished(path):
        try:
            facts = describe_stream(cpa.stream_progress(path))
        except BadFile:
            if not is_finished(path):
                raise
        else:
            if not is_finished(path):
                return facts
    return describe_file(partition_of(path))


def network_of(path: str) -> Network:
    """The network of a file or of the standard input."""
    if path != STDIN:
        return load_network(path)
    value = _read(path)
    with located(_shown(path)):
        return network_from_json(value)


def domain_of(options: Namespace, net: Network | IdealNetwork) -> Box | Polytope | Slice:
    """The domain that ``--box`` or ``--domain`` says."""
    if options.box:
        with located("--box"):
            lower, upper = (exactly(bound) for bound in options.box)
            return Box([lower] * net.input, [upper] * net.input)
    value = _read(options.domain)
    with located(_shown(options.domain)):
        return domain_from_json(value)


def _read(path: str) -> Any:
    """The JSON value of a file or of the standard input."""
    try:
        text = sys.stdin.read() if path == STDIN else Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadFile(f"{_shown(path)}: expected text in UTF-8, got other bytes") from None
    with located(_shown(path)):
        return parse_json(text)


def _shown(path: str) -> str:
    return "standard input" if path == STDIN else path


@contextmanager
def _file(path: str) -> Iterator[str]:
    """A file to read: the named one, or a copy of the standard input."""
    if path != STDIN:
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="exactcpa-") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield copy.name


def expect_writable(path: str) -> None:
    """Complain about a place that cannot be written before the work and not after it."""
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        raise BadArgument(f"{path}: expected a file to write, got a folder")
    if not os.path.isdir(folder):
        raise BadArgument(f"{path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise BadArgument(f"{path}: the folder {folder} cannot be written to")


def print_json(facts: Mapping[str, Any]) -> None:
    """Print one JSON object; a rational becomes exact text."""
    print(json.dumps(facts, default=exact_text))


def print_lines(lines: list[str]) -> None:
    """Print text, with ``?`` for what the terminal's encoding lacks."""
    encoding = sys.stdout.encoding or "ascii"
    print("\n".join(lines).encode(encoding, "replace").decode(encoding))
