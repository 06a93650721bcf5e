"""Names: what every symbol is called, so that no message shows a bare code.

Rules of this room (S3-L07..L10)
    Asked for: memory, then the table `symbol_cache`, then the broker's balance, then a name that is too old, else none:
    who shows it says `UNKNOWN(code)`. A name older than 30 days is asked for anew at the next request.
    What charts and balances say in passing is learned too. A name that is young stands: two sources that spell it
    differently do not take turns.
    Nothing waits for a name: a failure leaves what is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from kis_daemon.domain.market import Symbol
from kis_daemon.ports import Alert, Broker, BrokerError, Clock, Notifier, Records, Rows, StoreError, SymbolName
from kis_daemon.services.book import Book

log = structlog.get_logger("names")

_TTL = timedelta(days=30)
_ASK_AGAIN = timedelta(minutes=10)  # after a request that taught nothing
_STORE_PAUSE_S = 60.0


class Names:
    """See the rules above. `book.names` is the memory that everybody reads; this room fills and keeps it."""

    def __init__(self, *, book: Book, broker: Broker, records: Records, clock: Clock) -> None:
        self._book = book
        self._broker = broker
        self._records = records
        self._clock = clock
        self._known: dict[Symbol, SymbolName] = {}
        self._unsaved: dict[Symbol, SymbolName] = {}
        self._learned = asyncio.Event()
        self._asked_at: dict[Symbol, datetime] = {}
        self._one_at_a_time = asyncio.Lock()

    def load(self, rows: Rows) -> None:
        """Take over what the records know."""
        for name in rows.symbol_names():
            self._known.setdefault(name.symbol, name)
            self._book.names.setdefault(name.symbol, name.name)

    def learn(self, symbol: Symbol, name: str) -> None:
        """Hear what somebody calls `symbol`; it is kept in the background."""
        known = self._known.get(symbol)
        if known is not None and self._is_young(known):
            return
        learned = SymbolName(symbol=symbol, name=name, updated_at=self._clock.now())
        self._known[symbol] = self._unsaved[symbol] = learned
        self._learned.set()

    async def resolve(self, symbol: Symbol) -> str:
        """Return the name of `symbol`, asking for it where it is unknown or old; empty where nobody knows it."""
        if not self._is_current(symbol):
            async with self._one_at_a_time:
                if not self._is_current(symbol):
                    self._asked_at[symbol] = self._clock.now()
                    await self._ask(symbol)
        known = self._known.get(symbol)
        return self._book.names.get(symbol, "") if known is None else known.name

    async def run(self) -> None:
        """Keep what is learned in the records, until cancelled; a store that is away is tried again."""
        while True:
            await self._learned.wait()
            self._learned.clear()
            unsaved = tuple(self._unsaved.values())
            try:
                await self._records.transact(partial(_save, unsaved))
            except StoreError as error:
                log.warning("names_not_saved", count=len(unsaved), reason=str(error))
                await asyncio.sleep(_STORE_PAUSE_S)
                self._learned.set()
                continue
            for name in unsaved:
                if self._unsaved.get(name.symbol) is name:
                    del self._unsaved[name.symbol]

    async def _ask(self, symbol: Symbol) -> None:
        try:
            if symbol not in self._known:
                for name in await self._records.transact(lambda rows: rows.symbol_names()):
                    self._known.setdefault(name.symbol, name)
                    self._book.names.setdefault(name.symbol, name.name)
            known = self._known.get(symbol)
            if known is None or not self._is_young(known):
                for holding in (await self._broker.account()).holdings:
                    self._book.rename(holding.symbol, holding.name)
        except (BrokerError, StoreError) as error:
            log.warning("name_not_refreshed", symbol=symbol, reason=str(error))

    def _is_current(self, symbol: Symbol) -> bool:
        """Whether the name is young, or was asked for a moment ago without avail."""
        known = self._known.get(symbol)
        if known is not None and self._is_young(known):
            return True
        asked_at = self._asked_at.get(symbol)
        return asked_at is not None and self._clock.now() - asked_at < _ASK_AGAIN

    def _is_young(self, name: SymbolName) -> bool:
        return self._clock.now() - name.updated_at <= _TTL


class NamingNotifier(Notifier):
    """Hands alerts on, each with the name of its symbol in it (S3-L07)."""

    def __init__(self, notifier: Notifier, book: Book) -> None:
        self._notifier = notifier
        self._book = book

    def tell(self, alert: Alert) -> None:
        symbol = alert.data.get("symbol")
        if isinstance(symbol, str) and not alert.data.get("name"):
            name = self._book.names.get(Symbol(symbol))
            if name:
                alert = replace(alert, data={**alert.data, "name": name})
        self._notifier.tell(alert)


def _save(names: Iterable[SymbolName], rows: Rows) -> None:
    for name in names:
        rows.save_symbol_name(name)
