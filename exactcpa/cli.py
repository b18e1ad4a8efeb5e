"""The command line: what may be typed, and the exit code.

This module reads the arguments and turns errors into one line; a command's work is in the module that
`COMMANDS` names, imported when the command runs, so that ``exactcpa --help`` does not wait for numba.

Main definitions:
    main: One command, from its arguments to the exit code.
    program: The same as the console script ``exactcpa`` and ``python -m exactcpa``.

Conventions:
    Exit 0: done.  1: refuted (a check failed), failed, or a question that could not be decided.  2: misuse or a
    file that cannot be read, with one line on stderr.  130: interrupted.  The result is on stdout (``--json``: exactly
    one JSON object); progress and logs are on stderr.  ``-`` as network, as domain, and as the file of ``check`` and
    ``info`` is the standard input.

Not here:
    What the commands do: the modules that `COMMANDS` names.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from exactcpa import __version__
from exactcpa.errors import CertificateRejected, ExactcpaError, Undecided

DONE, REFUTED, MISUSE, INTERRUPTED = 0, 1, 2, 130

RARELY = 200_000
"""New objects after which the program looks for cycles."""

# Command -> (module, function); the function takes the parsed arguments and returns the exit code.
COMMANDS = {
    "enumerate": ("exactcpa.commands", "run_enumerate"),
    "count": ("exactcpa.count_command", "run_count"),
    "estimate": ("exactcpa.estimate_command", "run_estimate"),
    "check": ("exactcpa.commands", "run_check"),
    "info": ("exactcpa.commands", "run_info"),
    "export": ("exactcpa.export_command", "run_export"),
    "bn": ("exactcpa.bn_command", "run_bn"),
    "minibatches": ("exactcpa.minibatch_command", "run_minibatches"),
    "margin": ("exactcpa.margin_command", "run_margin"),
    "verify": ("exactcpa.verify_command", "run_verify"),
    "hard": ("exactcpa.hard_command", "run_hard"),
    "crosscheck": ("exactcpa.crosscheck_command", "run_crosscheck"),
    "demo": ("exactcpa.demo", "run_demo"),
}

EPILOG = """examples:
  exactcpa demo
  exactcpa enumerate net.json --box -1 1
  exactcpa enumerate net.json --domain domain.json --proof -o out.cpa
  exactcpa check out.cpa
  exactcpa bn net.json data.csv --window 1/10
exit codes: 0 done, 1 refuted, failed or undecided, 2 misuse, 130 interrupted"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with the exit code of misuse."""
        self.exit(MISUSE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def program() -> int:
    """Run one command in a process of its own, and return the exit code.

    Modules and compiled kernels are more than a hundred thousand objects that stay; to look through them for cycles
    again and again, and once more at the end, took a fifth of the time of a short command.
    """
    gc.set_threshold(RARELY)
    atexit.register(gc.freeze)
    return main()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; `sys.argv` if None.

    Returns:
        The exit code.
    """
    options = parser().parse_args(_joined(sys.argv[1:] if arguments is None else list(arguments)))
    try:
        module, function = COMMANDS[options.command]
        code = getattr(import_module(module), function)(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        kept = getattr(options, "stream", False)
        return _fail(
            INTERRUPTED,
            "interrupted; " + ("the same command goes on from here" if kept else "there is no result"),
        )
    except BrokenPipeError:
        # The reader went away (`| head`).  Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUTED
    except (CertificateRejected, Undecided) as error:
        return _fail(REFUTED, f"{type(error).__name__}: {error}")
    except ExactcpaError as error:
        return _fail(MISUSE, str(error))
    except MemoryError:
        return _fail(MISUSE, "there is not enough memory")
    except OSError as error:
        return _fail(MISUSE, f"{error.filename or 'file'}: {error.strerror or error}")
    return code


def _fail(code: int, message: str) -> int:
    print("exactcpa: " + " ".join(message.split()), file=sys.stderr)
    return code


def parser() -> Parser:
    """What may be typed."""
    top = Parser(
        prog="exactcpa",
        description="Exact, certified enumeration of the cells of piecewise-affine networks.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"exactcpa {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_enumerate(commands)
    _add_count(commands)
    _add_estimate(commands)
    _add_check(commands)
    _add_info(commands)
    _add_export(commands)
    _add_bn(commands)
    _add_minibatches(commands)
    _add_margin(commands)
    _add_verify(commands)
    _add_hard(commands)
    _add_crosscheck(commands)
    _add_demo(commands)
    return top


def _command(commands: argparse._SubParsersAction, name: str, what: str) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=what, description=what[0].upper() + what[1:] + ".", allow_abbrev=False
    )
    command.add_argument("--json", action="store_true", help="print the result as one JSON object")
    return command


def _add_enumerate(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "enumerate", "list every cell of a network on a domain, proved")
    _add_instance(command)
    command.add_argument("--method", default="auto", metavar="M", help="auto (default), lp or vertex")
    command.add_argument("--workers", type=_count, default=1, metavar="N", help="processes (default 1)")
    command.add_argument("-o", "--output", metavar="OUT", help="write the partition to OUT (.cpa)")
    command.add_argument(
        "--stream",
        action="store_true",
        help="OUT is a folder: memory stays bounded, and the same command continues a run that was cut short",
    )
    command.add_argument("--proof", action="store_true", help="write the proof into OUT as well")
    command.add_argument("--no-facets", action="store_true", help="cells only: faster, no region graph")


def _add_instance(command: argparse.ArgumentParser) -> None:
    """The network, the domain, and how batchnorms are read."""
    command.add_argument("network", metavar="NET", help="network file (.json, .npz; - for JSON on stdin)")
    where = command.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--box",
        type=_two_numbers,
        metavar="LO HI",
        help="the same two bounds for every input; exact: -1, 0.1, 1/3, 0x1p-3",
    )
    where.add_argument("--domain", metavar="FILE", help="domain file (JSON; - for stdin)")
    command.add_argument(
        "--reading",
        default="deployed",
        metavar="R",
        help="batchnorm's scales: deployed (default, rounded to float64) or ideal (true square roots)",
    )
    command.add_argument("--batch", metavar="DATA", help="data file: fixes the statistics batchnorms lack")


def _add_count(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "count", "count the cells, every decision proved, keeping only totals")
    _add_instance(command)
    command.add_argument("--method", default="auto", metavar="M", help="auto (default), lp or vertex")
    command.add_argument("--workers", type=_count, default=1, metavar="N", help="processes (default 1)")
    command.add_argument("--facets", action="store_true", help="count the facets between cells, too")
    command.add_argument("--volume", action="store_true", help="add up exact volumes, and compare them")
    command.add_argument("--maps", action="store_true", help="a proved lower bound of the affine maps")


def _add_estimate(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "estimate", "predict cells, time and size of an enumeration from samples")
    _add_instance(command)
    command.add_argument("--seconds", type=_seconds, metavar="S", help="time to spend (default 5)")
    command.add_argument("--samples", type=_count, metavar="N", help="sampled subtrees instead of a time")
    command.add_argument("--seed", type=_seed, default=0, metavar="S", help="of what is drawn (default 0)")
    command.add_argument("--no-facets", action="store_true", help="predict an enumeration without facets")


def _add_check(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "check", "check a partition with its proof, using the standard library only")
    command.add_argument(
        "file", metavar="FILE", help="partition file, or folder, written with --proof (- for stdin)"
    )
    command.add_argument("--workers", type=_count, default=1, metavar="N", help="processes (default 1)")


def _add_info(commands: argparse._SubParsersAction) -> None:
    command = _command(
        commands, "info", "say what is in a network, domain or partition file, or how far a stream is"
    )
    command.add_argument(
        "file",
        metavar="FILE",
        help="network, domain or partition file, or the folder of a stream (- for stdin)",
    )


def _add_export(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "export", "write cells and shared facets as tables, arrays or a graph")
    command.add_argument("file", metavar="FILE", help="partition file, or the folder of a finished stream")
    form = command.add_mutually_exclusive_group(required=True)
    for name, what in (
        ("parquet", "folder for cells.parquet and edges.parquet (needs pyarrow)"),
        ("csv", "folder for cells.csv and edges.csv"),
        ("graphml", "file for the region graph"),
        ("npz", "file for numpy arrays"),
    ):
        what += f" (default: FILE.{name} without .cpa)"
        form.add_argument(f"--{name}", metavar="OUT", nargs="?", const="", help=what)


def _add_bn(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "bn", "measure where batchnorm puts every hyperplane, against none, exactly")
    command.add_argument("--csv", action="store_true", help="print every quantity as a line of CSV")
    command.add_argument("network", metavar="NET", help="network file (.json, .npz; - for JSON on stdin)")
    command.add_argument("data", metavar="DATA", help="data file (.json .csv .npz .npy)")
    command.add_argument("--mode", default="full", metavar="M", help="full (default), train or eval")
    command.add_argument("--batch", metavar="I,J,..", help="with --mode train: numbers of its samples")
    command.add_argument("--reading", default="deployed", metavar="R", help="deployed (default) or ideal")
    command.add_argument(
        "--compare", default="zero-bias,random-bias", metavar="LIST", help="default zero-bias,random-bias"
    )
    command.add_argument("--window", default="1/10", metavar="R", help="radius of the windows (default 1/10)")
    command.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="of the random biases (default 0)"
    )
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--box", type=_two_numbers, metavar="LO HI", help="the same two bounds for every input"
    )
    where.add_argument(
        "--domain",
        metavar="FILE",
        help="domain file (default: the data's box, a quarter of its longest side larger)",
    )


def _add_minibatches(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "minibatches", "examine all mini-batches of a data set, exactly")
    command.add_argument("network", metavar="NET", help="network file (.json, .npz; - for JSON on stdin)")
    command.add_argument("data", metavar="DATA", help="data file (.json .csv .npz .npy)")
    command.add_argument("--size", type=_count, required=True, metavar="B", help="samples of a mini-batch")
    command.add_argument(
        "--limit",
        type=_count,
        default=20_000,
        metavar="N",
        help="all batches up to N, beyond it N drawn (20000)",
    )
    command.add_argument("--seed", type=_seed, default=0, metavar="S", help="of what is drawn (default 0)")
    command.add_argument("--queries", metavar="FILE", help="data file: points whose decisions are told, too")
    command.add_argument(
        "--partitions", type=_seed, default=0, metavar="K", help="partitions of K of the batches (default 0)"
    )
    command.add_argument(
        "--translations", type=_seed, metavar="K", help="statement A11' cell by cell on K of them (default 4)"
    )
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--box", type=_two_numbers, metavar="LO HI", help="the same two bounds for every input"
    )
    where.add_argument(
        "--domain", metavar="FILE", help="domain file (default: the data's box, twice as wide)"
    )
    command.add_argument(
        "--out", metavar="FILE", help="records as JSON lines; a cut run goes on where it was"
    )
    command.add_argument(
        "--distributions", action="store_true", help="with --json: every value with its count"
    )


def _add_margin(commands: argparse._SubParsersAction) -> None:
    command = _command(
        commands, "margin", "distance of points to another class, exactly, certified from both sides"
    )
    command.add_argument("--csv", action="store_true", help="print a line of CSV a point")
    command.add_argument("network", metavar="NET", help="network file (.json, .npz; - for JSON on stdin)")
    command.add_argument("points", metavar="POINTS", help="data file (.json .csv .npz .npy)")
    command.add_argument("--norm", default="2", metavar="P", help="2 (default), 1 or inf")
    command.add_argument(
        "--weights", metavar="W,W,..", help="positive: divide each coordinate's difference by these first"
    )
    command.add_argument(
        "--labels",
        metavar="FILE",
        help="data file, JSON list or one a line: points of other classes are told",
    )
    command.add_argument(
        "--target", default="boundary", metavar="T", help="boundary of the class (default) or partition"
    )
    command.add_argument(
        "--unit", metavar="L,I", help="with --target partition: only the bent hyperplane of this unit"
    )
    command.add_argument("--threshold", metavar="Q", help="of a network with one output (default 0)")
    command.add_argument(
        "--minibatches",
        type=_count,
        metavar="B",
        help="margins of the points under every mini-batch of B of them (NET has batchnorm without statistics)",
    )
    command.add_argument(
        "--limit", type=_count, metavar="N", help="with --minibatches: of more batches N drawn (default 200)"
    )
    command.add_argument(
        "--samples", type=_count, metavar="N", help="with --minibatches: measure N of the points, drawn"
    )
    command.add_argument(
        "--seed", type=_seed, metavar="S", help="with --minibatches: of what is drawn (default 0)"
    )
    command.add_argument(
        "--certificate-dir", metavar="DIR", help="write DIR/<number of the point>.cpa, for check"
    )
    command.add_argument("--workers", type=_count, default=1, metavar="N", help="processes (default 1)")
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--box", type=_two_numbers, metavar="LO HI", help="the same two bounds for every input"
    )
    where.add_argument(
        "--domain",
        metavar="FILE",
        help="domain file (default: the points' box, a tenth of a side larger each way; "
        "with --minibatches twice as wide)",
    )


def _add_verify(commands: argparse._SubParsersAction) -> None:
    command = _command(
        commands, "verify", "prove or refute statements about batchnorm, on any network and data"
    )
    command.add_argument("ids", nargs="*", metavar="ID", help="A1, A4c, ... (default: the whole ledger)")
    command.add_argument(
        "--network", metavar="NET", help="network file (default: each statement's own instance)"
    )
    command.add_argument("--data", metavar="DATA", help="data file (.json .csv .npz .npy)")
    command.add_argument(
        "--limit", type=_count, metavar="N", help="examine at most N units, points or facets"
    )
    command.add_argument("--cells", type=_count, metavar="N", help="enumerate at most N cells at a time")
    command.add_argument(
        "--evidence", action="store_true", help="with --json: put the evidence into the object"
    )


def _add_hard(commands: argparse._SubParsersAction) -> None:
    command = _command(
        commands, "hard", "list degenerate networks with proved counts, to test other tools on"
    )
    command.add_argument("--export", metavar="DIR", help="write them to DIR: .json, .npz, .onnx, truth.json")
    command.add_argument("--family", action="append", metavar="F", help="only this family; may be repeated")


def _add_crosscheck(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "crosscheck", "judge the claims of a tool about a network, with evidence")
    command.add_argument("network", metavar="NET", help="network file (.json, .npz; - for JSON on stdin)")
    command.add_argument("claims", metavar="CLAIMS", help="claims file (JSON)")
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--box", type=_two_numbers, metavar="LO HI", help="the same two bounds for every input"
    )
    where.add_argument(
        "--domain", metavar="FILE", help="domain file (default: the domain of the claims file)"
    )
    command.add_argument(
        "--limit",
        type=_count,
        default=1_000_000,
        metavar="N",
        help="enumerate at most N cells (default 1,000,000); what needs more is undecidable",
    )
    command.add_argument(
        "--seconds",
        type=_seconds,
        default=600.0,
        metavar="S",
        help="give up an enumeration after S (default 600)",
    )
    command.add_argument("--proof", metavar="FILE", help="keep the partition with its proof, if it is needed")
    command.add_argument("--evidence", metavar="FILE", help="write all evidence, for evidence_checker.py")
    command.add_argument("--html", metavar="FILE", help="write the report as a web page")


def _add_demo(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "demo", "enumerate a trained network, prove it, check the proof, show it")
    command.add_argument("-o", "--output", metavar="OUT", help="keep the partition with its proof in OUT")


def _two_numbers(text: str) -> tuple[str, str]:
    """The two bounds as text; `numbers.exactly` reads them later."""
    parts = [part for part in text.split(",") if part]
    if len(parts) != 2:
        raise argparse.ArgumentTypeError(f"expected two numbers LO HI, got {' '.join(parts) or 'none'}")
    return parts[0], parts[1]


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text}")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise argparse.ArgumentTypeError(f"expected a number of seconds, got {text}")
    return float(text)


def _seed(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text}")
    return int(text)


def _joined(arguments: list[str]) -> list[str]:
    """Make ``--box LO HI`` one word ``--box=LO,HI``, and ``--threshold T``: argparse takes ``-1/3`` for an option."""
    if "--threshold" in arguments[:-1]:
        at = arguments.index("--threshold")
        arguments = [*arguments[:at], f"--threshold={arguments[at + 1]}", *arguments[at + 2 :]]
    if "--box" not in arguments:
        return arguments
    at = arguments.index("--box")
    bounds = [word for word in arguments[at + 1 : at + 3] if not re.fullmatch(r"--.*|-[a-zA-Z]", word)]
    return [*arguments[:at], "--box=" + ",".join(bounds), *arguments[at + 1 + len(bounds) :]]
