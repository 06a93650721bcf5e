"""Which samples an ordinary test tries: each commit others, and the same ones at every run of it."""

import subprocess

from tests.conftest import ROOT


def sample_seed() -> int:
    """Return a seed made of the commit that is checked out, 0 where there is none.

    A failing seed is kept as a test of its own: the next commit tries others.
    """
    try:
        told = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    return int(told.stdout.strip()[:8], 16)
