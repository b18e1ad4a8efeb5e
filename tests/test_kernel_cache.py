"""Compiled code that is older than a kernel is forgotten, wherever numba keeps it."""

import os
import subprocess
import sys
from pathlib import Path

from exactcpa import kernels

HERE = "from exactcpa import kernels; print(kernels._nothing.stats.cache_path)"


def test_old_code_is_forgotten(tmp_path):
    def cache_path():
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
        words = [sys.executable, "-c", HERE]
        return Path(
            subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.strip()
        )

    folder = cache_path()
    assert tmp_path in folder.parents
    folder.mkdir(exist_ok=True)
    newest = max(source.stat().st_mtime for source in Path(kernels.__file__).parent.glob("*.py"))
    ages = {"old.nbi": -1, "old.1.nbc": -1, "new.nbi": 1, "new.1.nbc": 1, "other.txt": -1}
    for name, age in ages.items():
        (folder / name).touch()
        os.utime(folder / name, (newest + age, newest + age))

    assert cache_path() == folder
    assert sorted(path.name for path in folder.iterdir()) == ["new.1.nbc", "new.nbi", "other.txt"]
