"""Another engine's executor: a real dask cluster on this machine gives the partition and the proof of one process."""

import subprocess
import sys
from pathlib import Path

import pytest
from sparing import some

pytest.importorskip("distributed", reason="needs the extra distributed")
SESSION = Path(__file__).parent / "dask_session.py"
JOBS = [
    "random_3_16_16 lp",
    "random_3_16_16 vertex",
    "integer_3_16_16 lp",
    "integer_3_16_16 vertex",
    "lost worker",
]


@pytest.mark.parametrize("jobs", some([JOBS[1:2], JOBS], 1), ids=["one", "all"])
def test_dask_gives_the_same(jobs, tmp_path):
    words = [sys.executable, SESSION, tmp_path, *jobs]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"same: {job}" for job in jobs]
