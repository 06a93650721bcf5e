"""The operator's services: kill switch, pause, close-all, manual exit, and what is held.

Rules of this room (S0-K, S4-K, S4-B04..B06, C01, C10, C13, C14)
    Every way in (API, Telegram) ends here; each act is one transaction with its event, and outlives a restart. The
    commands do the same acts from their own process, and are noticed within a second.
    A refusal is a `Declined`, never an exception: a database that is away declines too.
    What stops trading is effective in memory before the method returns, and in every order's transaction after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import structlog

from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.positions import Position
from kis_daemon.domain.release_codes import RANDOM_BYTES, new_code
from kis_daemon.domain.safeguards import KillSwitchScope, widest
from kis_daemon.ports import Alert, Clock, Entropy, Notifier, Rows, Severity, StoreError
from kis_daemon.services import closings, kill_switch, pauses
from kis_daemon.services.book import Book
from kis_daemon.services.closer import Closer
from kis_daemon.services.closings import Wish
from kis_daemon.services.journal import Journal
from kis_daemon.services.kill_switch import ReleaseRules, ReleaseTry
from kis_daemon.services.operator_answers import (
    Activated,
    Closing,
    ClosingView,
    Declined,
    DeclinedCode,
    PauseView,
    PositionsView,
    PositionView,
    Released,
    Source,
    SwitchView,
)
from kis_daemon.services.quotes import QuoteBoard
from kis_daemon.services.switches import Switches

log = structlog.get_logger("operations")


class OperatorServices(Protocol):
    """What a desk (HTTP, Telegram) may ask for; `Operations` keeps these promises."""

    async def activate_kill_switch(
        self, *, scope: KillSwitchScope, reason: str, by: str, source: Source
    ) -> Activated | Declined: ...

    async def release_kill_switch(
        self, *, reason: str, by: str, source: Source, confirmation_code: str = "", admin_key: str = ""
    ) -> Released | Declined: ...

    async def kill_switch_status(self) -> SwitchView: ...

    async def pause(self, *, reason: str, by: str) -> PauseView | Declined: ...

    async def resume(self, *, reason: str, by: str) -> PauseView | Declined: ...

    def pause_status(self) -> PauseView: ...

    async def close_all(self, *, reason: str, by: str, confirmed: bool = False) -> Closing | Declined: ...

    async def manual_exit(self, *, symbol: Symbol, reason: str, by: str) -> Closing | Declined: ...

    def closing(self) -> Closing: ...

    def positions(self) -> PositionsView: ...


class Operations(OperatorServices):
    """See the rules above."""

    def __init__(
        self,
        *,
        book: Book,
        board: QuoteBoard,
        journal: Journal,
        switches: Switches,
        closer: Closer,
        clock: Clock,
        entropy: Entropy,
        notifier: Notifier,
        rules: ReleaseRules,
    ) -> None:
        self._book = book
        self._board = board
        self._journal = journal
        self._switches = switches
        self._closer = closer
        self._clock = clock
        self._entropy = entropy
        self._notifier = notifier
        self._rules = rules

    # the kill switch

    async def activate_kill_switch(
        self, *, scope: KillSwitchScope, reason: str, by: str, source: Source
    ) -> Activated | Declined:
        """Stop orders: all of them, or entries only. The code that a release needs is in the answer, once.

        It is effective before anything is written, and while nothing can be.
        """
        if (missing := kill_switch.words_missing(reason, by)) is not None:
            return missing
        at, chance = self._clock.now(), self._entropy.token_bytes(RANDOM_BYTES)
        wanted = kill_switch.wanted(at, reason, by, scope)

        def work(rows: Rows) -> Activated:
            return kill_switch.activate_by_person(rows, wanted, source=source, chance=chance, rules=self._rules)

        self._switches.stop(wanted)
        noted = self._switches.own_stop
        try:
            activated = await self._journal.transact(work)
        except StoreError as error:
            waits = self._journal.fact(
                "kill_switch_waits", severity=Severity.ERROR, alerts=True, reason=str(error), actor=wanted.actor
            )
            self._journal.note(waits, also=work)
            view = SwitchView(switch=self._switches.in_force, code_needed=self._rules.code_always)
            return Activated(view=self._with_file(view), confirmation_code=new_code(chance)[0])
        self._switches.see(activated.view.switch, noted)
        return replace(activated, view=self._with_file(activated.view))

    async def release_kill_switch(
        self, *, reason: str, by: str, source: Source, confirmation_code: str = "", admin_key: str = ""
    ) -> Released | Declined:
        """Release the switch. API and Telegram always need code or key, a command needs one in REAL (C01, C14)."""
        wish = ReleaseTry(
            reason=reason,
            by=by,
            source=source,
            confirmation_code=confirmation_code,
            admin_key=admin_key,
            file_present=self._switches.file_is_present,
        )
        at, noted = self._clock.now(), self._switches.own_stop
        try:
            released = await self._journal.transact(lambda rows: kill_switch.try_release(rows, at, wish, self._rules))
        except StoreError as error:
            return _store_away(error)
        if isinstance(released, Declined):
            self._tell_declined(released, wish)
            return released
        if released.is_complete:
            self._switches.see(released.view.switch, noted)
        return released

    async def kill_switch_status(self) -> SwitchView:
        """Return the switch as it is in force now."""
        at = self._clock.now()
        try:
            view = await self._journal.transact(lambda rows: kill_switch.view(rows, at, self._rules))
        except StoreError:
            view = SwitchView(switch=self._switches.in_force, code_needed=self._rules.code_always)
        return self._with_file(view)

    async def make_code(self) -> None:
        """Make the code of an activation that has none, and send it to the operator; it stands in no log."""
        chance, at = self._entropy.token_bytes(RANDOM_BYTES), self._clock.now()
        try:
            made = await self._journal.transact(lambda rows: kill_switch.make_code(rows, at, chance))
        except StoreError as error:
            log.warning("kill_switch_code_not_made", reason=str(error))
            return
        if made is not None:
            code, code_hash = made
            alert = Alert(
                event="kill_switch_code",
                severity=Severity.WARNING,
                at=at,
                data={"code_hash": code_hash},
                private={"code": code},
            )
            self._notifier.tell(alert)

    # pause

    async def pause(self, *, reason: str, by: str) -> PauseView | Declined:
        """Pause entries until `resume`; exits go on."""
        at = self._clock.now()
        return await self._change_pause(lambda rows: pauses.pause(rows, at, reason, by))

    async def resume(self, *, reason: str, by: str) -> PauseView | Declined:
        """Let entries pass again, as far as the gate lets them."""
        at = self._clock.now()
        return await self._change_pause(lambda rows: pauses.resume(rows, at, reason, by))

    def pause_status(self) -> PauseView:
        return self._switches.pause

    async def _change_pause(self, change: Callable[[Rows], PauseView | Declined]) -> PauseView | Declined:
        try:
            view = await self._journal.transact(change)
        except StoreError as error:
            return _store_away(error)
        if isinstance(view, PauseView):
            self._switches.see_mark(pauses.PAUSE_MARK, pauses.mark_of(view))
        return view

    # what is held

    async def close_all(self, *, reason: str, by: str, confirmed: bool = False) -> Closing | Declined:
        """Sell everything that is ours, and pause entries. `confirmed`: also while the switch stops all orders (C10).

        Asked twice it sells once; what a restart interrupts goes on after it.
        """
        at = self._clock.now()
        return await self._want_sold(lambda rows: closings.ask_all(rows, at, reason, by, confirmed=confirmed))

    async def manual_exit(self, *, symbol: Symbol, reason: str, by: str) -> Closing | Declined:
        """Sell the position in `symbol`."""
        at = self._clock.now()
        return await self._want_sold(lambda rows: closings.ask_one(rows, at, symbol, reason, by))

    async def _want_sold(self, ask: Callable[[Rows], tuple[Wish, ...] | Declined]) -> Closing | Declined:
        def work(rows: Rows) -> Declined | dict[str, str]:
            asked = ask(rows)
            if isinstance(asked, Declined):
                return asked
            return {name: rows.mark(name) or "" for name in (pauses.PAUSE_MARK, closings.CLOSINGS_MARK)}

        try:
            marks = await self._journal.transact(work)
        except StoreError as error:
            return _store_away(error)
        if isinstance(marks, Declined):
            return marks
        for name, text in marks.items():
            self._switches.see_mark(name, text)
        return self.closing()

    def closing(self) -> Closing:
        """Return what is being sold by an operator's word."""
        return Closing(
            positions=tuple(self._closing_view(wish) for wish in self._closer.wishes), pause=self._switches.pause
        )

    def positions(self) -> PositionsView:
        """Return what is held at this moment."""
        held = sorted(self._book.positions.values(), key=lambda position: position.symbol)
        return PositionsView(own=tuple(map(self._position_view, held)), external=dict(self._book.external))

    def _position_view(self, position: Position) -> PositionView:
        wish = self._closer.wish_for(position)
        price = self._board.price(position.symbol)
        return PositionView(
            symbol=position.symbol,
            name=position.name,
            quantity=position.quantity,
            average_price=position.average_price,
            cost=position.cost,
            price=price,
            open_pnl=None if price is None else position.open_pnl(price),
            stop=position.stop,
            target=position.target,
            highest=position.highest,
            trailing_armed=position.trailing_armed,
            entry_day=position.entry_day,
            opened_at=position.opened_at,
            locked="" if (lock := self._book.locked.get(position.symbol)) is None else lock.reason,
            closing=None if wish is None else self._closing_view(wish),
        )

    def _closing_view(self, wish: Wish) -> ClosingView:
        position = self._book.positions.get(wish.symbol)
        return ClosingView(
            symbol=wish.symbol,
            name=self._book.names.get(wish.symbol, ""),
            quantity=0 if position is None else position.quantity,
            rule=wish.rule,
            reason=wish.reason,
            by=wish.by,
            asked_at=wish.asked_at,
            has_live_order=self._book.live_order(wish.symbol, Side.SELL) is not None,
        )

    # telling

    def _with_file(self, view: SwitchView) -> SwitchView:
        in_force = widest(view.switch, self._switches.in_force) if self._switches.file_is_present else view.switch
        return replace(view, switch=in_force, file_present=self._switches.file_is_present)

    def _tell_declined(self, declined: Declined, wish: ReleaseTry) -> None:
        """Tell a person of a try with a wrong code or key: it may be somebody else's."""
        if declined.code not in (DeclinedCode.CODE_WRONG, DeclinedCode.KEY_WRONG, DeclinedCode.LOCKED_OUT):
            return
        data = {"reason": declined.reason, "actor": kill_switch.clean(wish.by, kill_switch.LONGEST_NAME)}
        alert = Alert(event="kill_switch_release_declined", severity=Severity.WARNING, at=self._clock.now(), data=data)
        self._notifier.tell(alert)


def _store_away(error: StoreError) -> Declined:
    return Declined(code=DeclinedCode.STORE_AWAY, reason=str(error))
