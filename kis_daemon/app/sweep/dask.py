"""Trials on a Dask cluster. Its workers have this program, and prices and configuration under the same names."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from distributed import Client

from kis_daemon.app.errors import ConfigurationError

_CONNECTED_S = 10


@contextmanager
def workers(address: str) -> Iterator[Executor]:
    """Give the workers of the scheduler at `address`; `ConfigurationError` where it does not answer."""
    try:
        client = Client(address, timeout=_CONNECTED_S)
    except (OSError, ValueError):
        raise ConfigurationError("sweep.no_dask", address=address) from None
    with client:
        yield client.get_executor()
