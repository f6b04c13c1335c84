"""`python -m mizzen.assets build SRC OUT`."""

import sys

from ._cli import main

sys.exit(main())
