"""``python -m engine``."""

import sys
from io import TextIOWrapper

from engine.cli import main

# The name of a file may hold what the terminal cannot show.
if isinstance(sys.stdout, TextIOWrapper):
    sys.stdout.reconfigure(errors="backslashreplace")

raise SystemExit(main())
