"""Whether a path is the folder of a streamed enumeration, and which file in it is the partition.

Main definitions: `is_stream`, `is_finished`, `partition_of`.

Not here: what else is in the folder (`stream_folder`).
"""

from __future__ import annotations

import os

from exactcpa.errors import BadFile

MANIFEST, PARTITION = "manifest.json", "partition.cpa"


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether a path is such a folder, finished or not."""
    try:
        return any(os.path.isfile(os.path.join(path, name)) for name in (MANIFEST, PARTITION))
    except ValueError:  # a null character
        return False


def is_finished(path: str | os.PathLike[str]) -> bool:
    """Whether the partition is in such a folder."""
    return os.path.isfile(os.path.join(path, PARTITION))


def partition_of(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The partition file that a path means: of a finished stream's folder the one inside, else the path itself.

    Raises:
        BadFile: A folder of a run that is not finished, or another folder.
    """
    if not is_stream(path):
        if os.path.isdir(path):
            raise BadFile(
                f"{os.fspath(path)}: expected a file or a streamed run, got a folder without {MANIFEST}"
            )
        return path
    inside = os.path.join(path, PARTITION)
    if os.path.isfile(inside):
        return inside
    raise BadFile(
        f"{os.fspath(path)}: not finished: run the same enumerate again to go on (exactcpa info tells how far it is)"
    )
