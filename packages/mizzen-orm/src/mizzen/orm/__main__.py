"""`python -m mizzen.orm` is `mizzen-orm`."""

from ._command import main

if __name__ == "__main__":
    raise SystemExit(main())
