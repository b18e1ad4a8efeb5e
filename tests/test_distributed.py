"""Another engine's executor: a real dask cluster on this machine gives the partition and the proof of one process."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="needs the extra distributed")
SESSION = Path(__file__).parent / "dask_session.py"
HELD = [
    "random_3_16_16 lp",
    "random_3_16_16 vertex",
    "integer_3_16_16 lp",
    "integer_3_16_16 vertex",
    "lost worker",
]


@pytest.mark.slow
def test_dask_gives_the_same(tmp_path):
    done = subprocess.run([sys.executable, SESSION, tmp_path], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"same: {line}" for line in HELD]
