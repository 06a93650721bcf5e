"""The locks: the one place that locks a symbol, lets it go, and takes in what an operator locked beside the daemon.

Rules of this room
    The records are the truth, read with the kill switch; what is locked here counts at once and is written next.
    The daemon locks with scope `all` (no automatic exit, a person is called), an operator with scope `entries`.
    Whoever locks or unlocks by hand needs a reason and a name, and both stay in the audit.
    A lock that is over is taken away and told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from kis_daemon.domain.events import Event
from kis_daemon.domain.locks import LockScope, SymbolLock
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.positions import Position
from kis_daemon.ports import Clock, Rows, Severity
from kis_daemon.services.book import Book
from kis_daemon.services.journal import Journal

ENGINE = "engine"


def lock(rows: Rows, asked: SymbolLock) -> None:
    """Lock the symbol in one transaction with its event."""
    rows.lock_symbol(asked)
    expires_at = None if asked.expires_at is None else asked.expires_at.isoformat()
    payload = {"symbol": asked.symbol, "scope": asked.scope.value, "reason": asked.reason, "by": asked.by}
    event = Event(at=asked.since, type="symbol_locked", actor=asked.by, payload=payload | {"expires_at": expires_at})
    rows.append(event)


def unlock(rows: Rows, symbol: Symbol, at: datetime, reason: str, by: str) -> tuple[SymbolLock, ...]:
    """Take every lock off the symbol, in one transaction with its event, and return them; both words are needed."""
    if not reason.strip() or not by.strip():
        raise ValueError("unlocking needs a reason and a name")
    gone = tuple(known for known in rows.symbol_locks() if known.symbol == symbol)
    for known in gone:
        rows.unlock_symbol(symbol, known.scope, at, by.strip(), reason.strip())
    if gone:
        scopes = ",".join(known.scope.value for known in gone)
        payload = {"symbol": symbol, "scope": scopes, "reason": reason.strip(), "by": by.strip()}
        rows.append(Event(at=at, type="symbol_unlocked", actor=by.strip(), payload=payload))
    return gone


class Locks:
    """See the rules above. `on_change` hears of a symbol that may be sold by itself again."""

    def __init__(self, *, book: Book, journal: Journal, clock: Clock, on_change: Callable[[Symbol], None]) -> None:
        self._book = book
        self._journal = journal
        self._clock = clock
        self._on_change = on_change
        self._revision = 0  # what was read before a change of ours is old
        self._begun = 0
        self._read: tuple[int, tuple[SymbolLock, ...]] = (-1, ())

    # the daemon's own

    def no_exit(self, position: Position, reason: str, event: str, **data: int) -> None:
        """Have nothing of `position` sold by itself, and call a person: `event` says what was found."""
        made = SymbolLock(
            symbol=position.symbol, scope=LockScope.ALL, reason=reason, by=ENGINE, since=self._clock.now()
        )
        self._revision += 1
        self._book.locked = self._book.locked | {position.symbol: made}
        told = {"symbol": position.symbol, "name": position.name, "reason": reason}
        facts = [
            self._journal.fact(
                event, severity=Severity.ERROR, alerts=True, correlation_id=position.correlation_id, **told, **data
            ),
            self._journal.fact(
                "position_unprotected",
                severity=Severity.ERROR,
                alerts=True,
                correlation_id=position.correlation_id,
                **told,
            ),
        ]
        self._journal.note(facts[0], also=lambda rows: rows.lock_symbol(made))
        self._journal.note(facts[1])

    def let_go(self, rows: Rows, symbol: Symbol, reason: str) -> None:
        """Write that nothing is left to protect from a wrong sale; `forget` follows when that is committed."""
        rows.unlock_symbol(symbol, LockScope.ALL, self._clock.now(), ENGINE, reason)

    def forget(self, symbol: Symbol) -> None:
        """Know it too."""
        self._revision += 1
        self._book.locked = {other: known for other, known in self._book.locked.items() if other != symbol}

    # an operator's

    def load(self, rows: Rows) -> None:
        """Take over what the records hold at a start."""
        self._keep(rows.symbol_locks())

    def begin(self) -> None:
        """What is locked from here on is not in what will be read."""
        self._begun = self._revision

    def read(self, rows: Rows) -> None:
        """Look at the records, in whose transaction we are."""
        self._read = self._begun, rows.symbol_locks()

    def look(self) -> None:
        """Take in what was read, unless it is older than what we did ourselves meanwhile; tell what has changed."""
        revision, found = self._read
        if revision != self._revision:
            return
        now = self._clock.now()
        for over in [known for known in found if known.is_over(now)]:
            self._end(over)
        found = tuple(known for known in found if not known.is_over(now))
        before = self._known()
        if found == before:
            return
        self._keep(found)
        for known in found:
            if known not in before:
                self._tell("symbol_lock_seen", known)
        for known in before:
            if known not in found and not known.is_over(now):
                self._tell("symbol_unlock_seen", known)
            if known.scope is LockScope.ALL and known.symbol not in self._book.locked:
                self._on_change(known.symbol)

    def _end(self, over: SymbolLock) -> None:
        at = self._clock.now()
        self._revision += 1
        self._journal.note(
            self._journal.fact(
                "symbol_unlocked", symbol=over.symbol, scope=over.scope.value, reason="its time is over", by=ENGINE
            ),
            also=lambda rows: rows.unlock_symbol(over.symbol, over.scope, at, ENGINE, "its time is over"),
        )

    def _tell(self, event: str, known: SymbolLock) -> None:
        self._journal.note(
            self._journal.fact(
                event,
                severity=Severity.WARNING,
                alerts=True,
                symbol=known.symbol,
                name=self._book.names.get(known.symbol, ""),
                scope=known.scope.value,
                reason=known.reason,
                actor=known.by,
            )
        )

    def _known(self) -> tuple[SymbolLock, ...]:
        return _sorted([*self._book.entry_locks.values(), *self._book.locked.values()])

    def _keep(self, found: Iterable[SymbolLock]) -> None:
        self._book.entry_locks = {lock.symbol: lock for lock in found if lock.scope is LockScope.ENTRIES}
        self._book.locked = {lock.symbol: lock for lock in found if lock.scope is LockScope.ALL}


def _sorted(locks: Iterable[SymbolLock]) -> tuple[SymbolLock, ...]:
    return tuple(sorted(locks, key=lambda known: (known.symbol, known.scope)))
