"""``python -m exactcpa``: the same commands as the console script ``exactcpa``."""

import sys

from exactcpa.cli import program

if __name__ == "__main__":
    sys.exit(program())
