"""The `mizzen` command, whose demonstration imports only so many files: `few_sources.py N demo …`.

The import of all takes half a minute, most of it spent on highlighting.
"""

from __future__ import annotations

import sys

from mizzen.app.cli import main
from mizzen_gists import stdlib_sources

if __name__ == "__main__":
    all_paths = stdlib_sources.source_paths
    stdlib_sources.source_paths = lambda *, everything=False: all_paths()[: int(sys.argv[1])]
    sys.exit(main(sys.argv[2:]))
