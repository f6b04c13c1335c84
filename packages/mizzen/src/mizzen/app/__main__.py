"""`python -m mizzen.app` is the `mizzen` command."""

import sys

from .cli import main

sys.exit(main())
