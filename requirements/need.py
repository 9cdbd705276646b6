"""Say in one line what this Python lacks for `make install`, before anything is made."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - older ones are who this line is for
    sys.exit(f"FindMe needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
try:
    import ensurepip  # noqa: F401
    import venv  # noqa: F401
except ModuleNotFoundError as error:
    sys.exit(f"This Python lacks the module {error.name}: apt-get install python3-venv")
