"""What every test may ask for: the shared market data, and a service outside of the process.

Absent, each is skipped in plain words; where the machine promises it (`REQUIRE_SHARED=1`,
`REQUIRE_SERVICES=1`), its absence is a failure, so that nothing is skipped unseen.
"""

import os
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent


def absent(what: str, promise: str) -> NoReturn:
    """End the test: failed where the variable `promise` is 1, skipped elsewhere."""
    if os.environ.get(promise) == "1":
        pytest.fail(f"{what}, and {promise}=1 promises it", pytrace=False)
    pytest.skip(what)


def require_services(what: str) -> NoReturn:
    """End a test whose service cannot be reached; `what` says which and where it was looked for."""
    absent(what, "REQUIRE_SERVICES")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real market data beside the project; see its README.md for what is in it."""
    data = ROOT.parent / "shared" / "data"
    if not data.is_dir():
        absent("the market data in ../shared/data is not here", "REQUIRE_SHARED")
    return data
