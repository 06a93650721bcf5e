"""How a day began: what was held, what it cost, what could be spent, and what was not to be touched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from kis_daemon.domain.locks import SymbolLock
from kis_daemon.domain.market import Symbol, Won
from kis_daemon.domain.positions import Position
from kis_daemon.services.book import EXTERNAL_MARK
from kis_daemon.simulator.account import Account, HoldingRow
from kis_daemon.store.memory import MemoryRecords, MemoryRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """See above; `external` shares are in the account and not ours, `stopped_on` begins the cool-downs."""

    cash: Won
    positions: tuple[Position, ...] = ()
    external: Mapping[Symbol, int]
    locks: tuple[SymbolLock, ...] = ()
    stopped_on: Mapping[Symbol, date]

    def account(self) -> Account:
        """Return the account at the exchange."""
        account = Account(cash=self.cash)
        for position in self.positions:
            account.holdings[position.symbol] = HoldingRow(
                symbol=position.symbol, quantity=position.quantity, cost=position.cost
            )
        for symbol, quantity in self.external.items():
            account.holdings.setdefault(symbol, HoldingRow(symbol=symbol)).quantity += quantity
        return account

    def write(self, records: MemoryRecords) -> None:
        """Have the records hold it, as a restart finds them."""

        def work(rows: MemoryRows) -> None:
            for position in self.positions:
                rows.save_position(position)
            for lock in self.locks:
                rows.lock_symbol(lock)

        records.transact_now(work)
        records.tables.stops.update(self.stopped_on)
        records.tables.marks[EXTERNAL_MARK] = json.dumps(dict(self.external))
