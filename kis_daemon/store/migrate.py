"""Bring a database to the newest schema: the child process of `Database.open`. The URL is read from standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config


def upgrade(url: str) -> None:
    """Run every migration that `url` does not have yet."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


if __name__ == "__main__":
    upgrade(sys.stdin.readline().strip())
