"""CXR Vault, installed: search chest X-rays without showing them.

The wheel holds the project's folders ``engine``, ``models`` and ``pages`` inside this one package, so that nothing in
site-packages has a name as common as theirs. Importing this package puts them within reach::

    import cxr_vault
    from engine.hashing import Hasher
"""

import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent

# First on the path: a script's own folder may have an `engine` of its own, and it must not be taken for ours.
if str(HOME) not in sys.path:
    sys.path.insert(0, str(HOME))

from engine.version import __version__  # noqa: E402 - found on the path that was just set

__all__ = ["HOME", "__version__"]
