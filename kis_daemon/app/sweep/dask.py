"""Trials on a Dask cluster. Its workers have this program, and prices and configuration under the same names."""

from __future__ import annotations

from concurrent.futures import Executor

from distributed import Client

from kis_daemon.app.errors import ConfigurationError

_CONNECTED_S = 10


def workers(address: str) -> Executor:
    """Return the workers of the scheduler at `address`; `ConfigurationError` where it does not answer."""
    try:
        executor: Executor = Client(address, timeout=_CONNECTED_S).get_executor()
    except (OSError, ValueError):
        raise ConfigurationError("sweep.no_dask", address=address) from None
    return executor
