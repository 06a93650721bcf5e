"""Which database a URL means, and how it is shown: never with its password."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from kis_daemon.ports import StoreError

_DRIVERS: Mapping[str, str] = {
    "sqlite": "sqlite",
    "mysql": "mysql+aiomysql",
    "mariadb": "mysql+aiomysql",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
"""Each kind of database has the one driver that the daemon brings."""

EXPECTED = "expected sqlite:///FILE, mysql://USER:PASSWORD@HOST/NAME or postgresql://USER:PASSWORD@HOST/NAME"


def database_url(text: str) -> URL:
    """Return the URL with our driver for it; `StoreError` for what we cannot speak to."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError(f"Database initialization failed: this is no URL: {EXPECTED}") from None
    driver = _DRIVERS.get(url.drivername.partition("+")[0])
    if driver is None or url.drivername not in (driver, driver.partition("+")[0], "mariadb", "postgres", "sqlite"):
        raise StoreError(f"Database initialization failed: {url.drivername}: {EXPECTED}")
    if driver != "sqlite" and not url.database:
        raise StoreError(f"Database initialization failed: {shown(url)}: the name of the database is missing")
    return url.set(drivername=driver)


def shown(url: URL) -> str:
    """Return the URL as a person may see it: options may hold secrets too, and are left out."""
    return url.set(query={}).render_as_string(hide_password=True)
