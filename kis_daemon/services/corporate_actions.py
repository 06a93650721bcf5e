"""Corporate actions: what is held is examined before the day's first price, and re-based where an action is proven.

Rules of this room (requirements, section 8)
    A symbol that waits for its examination is neither sold nor held against the account: yesterday's levels may belong
    to shares that are no more. The wait is bounded and comes once a day; what could not be asked goes on as it was.
    An action that two witnesses prove re-bases the position in one transaction. One that is not proven locks the
    symbol: no automatic exit, and a person is called. So does one that the store does not take within the wait.
    Each evening the closes of what is held are written down: the witnesses of the next morning, or of the next start.
    A halt keeps exits pending and is told daily; liquidation trading has no price limits and no rule of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import date

from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.corporate_actions import Proven, Unproven, Witnesses, judge, rebased
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.positions import Position
from kis_daemon.ports import Clock, Rows, Severity, StoreError
from kis_daemon.services.book import CLOSES_MARK, EXAMINED_MARK, EXTERNAL_MARK, Book, LastClose
from kis_daemon.services.histories import Histories
from kis_daemon.services.journal import Journal
from kis_daemon.services.locks import Locks

_WITHIN_S = 60.0  # for all that is held; then the day begins with what is known
_ASK_AGAIN_S = 5.0


class CorporateActions:
    """See the rules above. `ask_account` reconciles with the broker; False where it did not answer."""

    def __init__(
        self,
        *,
        book: Book,
        journal: Journal,
        locks: Locks,
        histories: Histories,
        calendar: TradingCalendar,
        clock: Clock,
        ask_account: Callable[[], Awaitable[bool]],
        on_change: Callable[[Symbol], None],
    ) -> None:
        self._book = book
        self._journal = journal
        self._locks = locks
        self._histories = histories
        self._calendar = calendar
        self._clock = clock
        self._ask_account = ask_account
        self._on_change = on_change

    def await_examination(self, day: date) -> None:
        """Have what is held wait for its examination on `day`: what was bought then or examined then need not."""
        held = () if self._book.examined_on == day else self._book.positions.values()
        self._book.unexamined = {position.symbol for position in held if position.entry_day < day}

    async def examine(self, bring_up: Callable[[Symbol], Awaitable[object]]) -> None:
        """Examine what waits, once `bring_up` has brought its listing and its history; at the end nothing waits."""
        deadline = asyncio.get_running_loop().time() + _WITHIN_S
        try:
            async with asyncio.timeout_at(deadline):
                for symbol in tuple(self._book.unexamined):
                    await bring_up(symbol)
                if self._book.unexamined:
                    await self._account_is_known()
            await self._examine_all(deadline)  # what is being written is not cancelled half-way
            await self._keep_that_it_was_done()
        except TimeoutError:
            self._tell_failed("the broker does not answer")
        finally:
            waited, self._book.unexamined = self._book.unexamined, set()
            for symbol in waited:
                self._end(symbol)
            self._take_closes()

    async def _keep_that_it_was_done(self) -> None:
        """Spare a restart in mid-session the wait: its exits are armed at once."""
        today = self._clock.now().date()
        if self._book.examined_on == today or self._book.unexamined:
            return
        self._book.examined_on = today
        with contextlib.suppress(StoreError):  # then it waits
            await self._journal.transact(lambda rows: rows.set_mark(EXAMINED_MARK, today.isoformat()))

    async def _examine_all(self, deadline: float) -> None:
        """Examine what waits; what the store does not take is tried again until the deadline, and locked then."""
        for symbol in self._book.unexamined:
            if symbol in self._book.positions:
                self._tell_state(self._book.positions[symbol])
        told = False
        while failed := await self._examine_each():
            if not told:
                told = True
                self._tell_failed(failed)
            if asyncio.get_running_loop().time() >= deadline:
                for symbol in self._book.unexamined:
                    self._lock(self._book.positions[symbol], f"not written down: {failed}")
                return
            await asyncio.sleep(_ASK_AGAIN_S)

    async def _examine_each(self) -> str:
        """Examine each symbol that waits; return why one could not be written down, or ""."""
        failed = ""
        for symbol in tuple(self._book.unexamined):
            try:
                await self._examine_one(symbol)
            except StoreError as error:  # one symbol's trouble is not the others': they go on
                failed = str(error) or "store"
        return failed

    def _tell_failed(self, reason: str) -> None:
        waiting = ",".join(sorted(self._book.unexamined))
        self._journal.note(
            self._journal.fact(
                "examination_failed", severity=Severity.ERROR, alerts=True, symbols=waiting, reason=reason
            )
        )

    async def _account_is_known(self) -> None:
        while True:
            if await self._ask_account():
                return
            await asyncio.sleep(_ASK_AGAIN_S)

    def _take_closes(self) -> None:
        """Have the day know what it is to go on from."""
        before = self._calendar.previous_trading_day(self._clock.now().date()).date
        self._book.closed_at = {symbol: last.close for symbol, last in self._closes(before).items()}

    async def keep_closes(self) -> None:
        """Write down the last closes of what is held."""
        value = _written(self._closes(self._clock.now().date()))
        await self._journal.transact(lambda rows: rows.set_mark(CLOSES_MARK, value))

    def _closes(self, kept_on: date) -> dict[Symbol, LastClose]:
        closes = self._book.last_closes
        found: dict[Symbol, LastClose] = {}
        for symbol in self._book.positions:
            bars, known = self._histories.bars(symbol), closes.get(symbol)
            if bars and (known is None or bars[-1].date >= known.day):
                found[symbol] = LastClose(day=bars[-1].date, close=bars[-1].close, kept_on=kept_on)
            elif known is not None:
                found[symbol] = known
        self._book.last_closes = found
        return found

    async def _examine_one(self, symbol: Symbol) -> None:
        position = self._book.positions.get(symbol)
        if position is not None:
            match judge(self._witnesses(position)) if symbol in self._book.last_closes else None:
                case Proven() as proven:
                    await self._rebase(position, proven)
                case Unproven(reason=reason):
                    self._lock(position, reason)
                    await self._journal.write()
                case _:
                    pass
        self._book.unexamined.discard(symbol)
        self._end(symbol)

    def _lock(self, position: Position, reason: str) -> None:
        """Have nothing of it sold by itself, once; it is written down when the store takes it."""
        if position.symbol not in self._book.locked:
            self._locks.no_exit(position, reason, "corporate_action_unproven")

    def _end(self, symbol: Symbol) -> None:
        self._histories.teach(symbol)
        self._on_change(symbol)

    def _witnesses(self, position: Position) -> Witnesses:
        symbol = position.symbol
        last = self._book.last_closes[symbol]
        listing = self._book.listings.get(symbol)
        today = self._clock.now().date()
        is_next = self._calendar.previous_trading_day(today).date == last.kept_on
        then = next((bar.close for bar in self._histories.bars(symbol) if bar.date == last.day), 0)
        return Witnesses(
            last_close=last.close,
            closed_then=then,
            base=listing.base_price if listing is not None and is_next else 0,
            shares=self._book.in_account.get(symbol, 0),
            known=position.quantity + self._book.external.get(symbol, 0),
        )

    def _tell_state(self, position: Position) -> None:
        listing = self._book.listings.get(position.symbol)
        if listing is None or not (listing.suspended or listing.in_liquidation):
            return
        self._journal.note(
            self._journal.fact(
                "held_in_liquidation" if listing.in_liquidation else "held_halted",
                severity=Severity.WARNING,
                alerts=True,
                correlation_id=position.correlation_id,
                symbol=position.symbol,
                name=position.name,
                quantity=position.quantity,
            )
        )

    async def _rebase(self, position: Position, proven: Proven) -> None:
        symbol, today = position.symbol, self._clock.now().date()
        external = self._book.external.get(symbol, 0)
        in_account = self._book.in_account.get(symbol, 0)
        known = position.quantity + external
        ours = in_account if not external else in_account * position.quantity // known
        following = None if ours <= 0 else rebased(position, proven.factor, ours, today)
        others = {other: count for other, count in self._book.external.items() if other != symbol}
        if in_account > max(ours, 0):
            others[symbol] = in_account - ours
        bars = self._histories.bars(symbol)
        closes = {other: last for other, last in self._book.last_closes.items() if other != symbol}
        if bars and following is not None:
            before = self._calendar.previous_trading_day(today).date
            closes[symbol] = LastClose(day=bars[-1].date, close=bars[-1].close, kept_on=before)
        fact = self._journal.fact(
            "position_rebased",
            severity=Severity.WARNING,
            alerts=True,
            correlation_id=position.correlation_id,
            symbol=symbol,
            name=position.name,
            factor=round(proven.factor, 6),
            witnesses=",".join(proven.by),
            quantity_before=position.quantity,
            quantity=max(ours, 0),
            cost=0 if following is None else following.cost,
            stop_before=position.stop,
            stop=0 if following is None else following.stop,
            target=0 if following is None else following.target,
            highest=0 if following is None else following.highest,
        )
        at = self._clock.now()

        def work(rows: Rows) -> None:
            if following is None:
                rows.close_position(position, at)
            else:
                rows.save_position(following)
            rows.set_mark(EXTERNAL_MARK, json.dumps(others, sort_keys=True))
            rows.set_mark(CLOSES_MARK, _written(closes))

        await self._journal.transact(work, fact)
        self._book.external, self._book.last_closes = others, closes
        if following is None:
            del self._book.positions[symbol]
        else:
            self._book.positions[symbol] = following


def read_closes(value: str | None) -> dict[Symbol, LastClose]:
    """Return the closes that were written down."""
    told: Mapping[str, tuple[str, int, str]] = json.loads(value or "{}")
    return {
        Symbol(symbol): LastClose(day=date.fromisoformat(day), close=close, kept_on=date.fromisoformat(kept_on))
        for symbol, (day, close, kept_on) in told.items()
    }


def _written(closes: Mapping[Symbol, LastClose]) -> str:
    told = {symbol: (last.day.isoformat(), last.close, last.kept_on.isoformat()) for symbol, last in closes.items()}
    return json.dumps(told, sort_keys=True)
