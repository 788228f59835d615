"""Build hook: a wheel has no git, so the commit that it was built from is written into it."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    """Adds ``cxr_vault/engine/COMMIT``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the commit into a file of its own and put it into the wheel.

        Args:
            version: Of the build, not used.
            build_data: What goes into the wheel; changed in place.
        """
        asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.root, capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            path = Path(tempfile.mkdtemp()) / "COMMIT"
            path.write_text(asked.stdout)
            build_data["force_include"][str(path)] = "cxr_vault/engine/COMMIT"
