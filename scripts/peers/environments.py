"""A virtual environment for each peer, made the first time it is wanted and kept.

The peers pin other versions of numpy than exactcpa may have, so each lives alone, outside the repository.

Main definitions: `PEERS`, `python_with`.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

PEERS = {"relucent": "relucent==1.0.0", "affinitree": "affinitree==0.23.0"}
"""Peer -> what pip installs.  gurobipy, which relucent needs, solves small programs without a licence."""

CACHE = Path.home() / ".cache" / "exactcpa" / "peers"


class NotInstalled(Exception):
    """A peer cannot be had on this machine; the message says why."""


def python_with(peer: str, folder: Path) -> Path:
    """The interpreter of the peer's environment under a folder; installs the peer unless it is there.

    Raises:
        NotInstalled: pip found no version that runs here, or no network.
    """
    home = folder / peer
    python, mark = home / "bin" / "python", home / "installed.txt"
    if mark.exists() and mark.read_text() == PEERS[peer]:
        return python
    print(f"installing {PEERS[peer]} into {home}", file=sys.stderr, flush=True)
    try:
        venv.create(home, clear=True, with_pip=True)
        command = [python, "-m", "pip", "install", "--quiet", PEERS[peer]]
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        lines = str(error.stderr or error).strip().splitlines()
        reasons = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
        raise NotInstalled(reasons[-1] if reasons else "pip failed") from error
    except OSError as error:
        raise NotInstalled(str(error)) from error
    mark.write_text(PEERS[peer])
    return python
