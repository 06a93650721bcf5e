"""What a driver's error means for the caller, told by the database's own code.

    lost       the connection is gone: nothing of the transaction is in the database unless COMMIT was under way
    contended  the database ended the transaction in favour of another one: run it again
    refused    the database does not take what was written: our own mistake, or somebody else's row in its place

Codes: MySQL server error reference; PostgreSQL, Appendix A (SQLSTATE).
"""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, StatementError

from kis_daemon.ports import StoreError, WriteRefused

_MYSQL_LOST = frozenset({1053, 1152, 1927, 2003, 2006, 2013, 2014, 2055, 4031})
_MYSQL_CONTENDED = frozenset({1020, 1213})
_POSTGRES_LOST = ("08", "57P01", "57P02", "57P03", "57P05", "25P03")
_POSTGRES_CONTENDED = ("40001", "40P01")


def is_lost(error: BaseException) -> bool:
    """Whether the connection did not survive `error`."""
    if isinstance(error, OSError | EOFError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    return _code(error) in _MYSQL_LOST or _state(error).startswith(_POSTGRES_LOST)


def is_contended(error: BaseException) -> bool:
    """Whether the transaction lost against another one, and may be run again."""
    return _code(error) in _MYSQL_CONTENDED or _state(error) in _POSTGRES_CONTENDED


def is_refused(error: BaseException) -> bool:
    """Whether the database is well and says no to what was written."""
    return isinstance(error, IntegrityError | DataError | ProgrammingError) and not (
        is_lost(error) or is_contended(error)
    )


def store_error(error: BaseException, told: str) -> StoreError:
    """Return what `error` means to whoever asked for the transaction."""
    return WriteRefused(told) if is_refused(error) else StoreError(told)


def reason(error: BaseException) -> str:
    """Return what happened in one line: the database's own words, without statement and parameters."""
    told = _told(error)
    words = " ".join(str(told).split())
    return words or type(told).__name__


def _told(error: BaseException) -> BaseException:
    """Return the driver's own error; a statement that could not even be sent has its cause there too."""
    return (error.orig if isinstance(error, StatementError) else None) or error


def _code(error: BaseException) -> int:
    arguments = _told(error).args
    known = isinstance(error, DBAPIError) and arguments and isinstance(arguments[0], int)
    return arguments[0] if known else 0


def _state(error: BaseException) -> str:
    return str(getattr(_told(error), "sqlstate", None) or "")
