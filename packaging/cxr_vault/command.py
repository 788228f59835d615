"""The command ``cxr-vault``: every command of ``python -m engine``, from any folder."""

import cxr_vault  # noqa: F401 - puts engine within reach


def main() -> int:
    """Run one command; see ``engine.cli.main``."""
    from engine.cli import main as run

    return run(program="cxr-vault")
