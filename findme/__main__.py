"""`python -m findme` is the `findme` command."""

import sys

from findme.cli import main

if __name__ == "__main__":
    sys.exit(main())
