"""The order desk: an order that somebody brings together with an approval token (S0-X, L04).

Rules of this room
    The checks have one order: kill switch, signature, expiry, the approval's record, then the order itself. Every
    refusal comes before the broker hears anything, and each is a fact with its reason.
    One token at a time: of a thousand who show the same one, one places an order and the others find it used.
    A token is spent by the order that is begun with it. An order that is refused before leaves it as it was.
    What is bought is a position of the approved proposal: at most its weight of the equity, within the account's
    limits, with a history, so that it can be protected. No side means BUY, no price means at the market (C28).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kis_daemon.domain.approvals import (
    Approval,
    OrderRequest,
    StoredApproval,
    StoredProposal,
    TokenRefusal,
    positions_cover,
)
from kis_daemon.domain.indicators import Indicators
from kis_daemon.domain.market import Listing, Rounding, Side, Symbol, Won, as_symbol, to_tick
from kis_daemon.domain.orders import Order, OrderIntent, OrderState, OrderType, signal_id
from kis_daemon.domain.safeguards import KillSwitch
from kis_daemon.ports import BrokerError, Clock, Rows, Severity, StoreError
from kis_daemon.services.approvals import ApprovalDesk, Claims, Grant, bound_of, token_hash
from kis_daemon.services.book import Book
from kis_daemon.services.door import Refused
from kis_daemon.services.journal import Journal

RULE = "PROPOSAL"
ROOM = "execution_server"
_TURNS = 64  # tokens that can be in hand at once; two that share a turn only wait for each other


class Cause(StrEnum):
    """Why an order was not begun; the event is `order_rejected_<cause>`, for the first one order_blocked_killswitch."""

    KILL_SWITCH = "kill_switch"
    NO_TOKEN = "no_token"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    RECORD = "record"
    OTHER_ORDER = "other_order"
    MALFORMED = "malformed"
    UNSUPPORTED_SYMBOL = "unsupported_symbol"
    NO_HISTORY = "no_history"
    PRICE = "price"
    WEIGHT = "weight"
    RISK = "risk"
    GATE = "gate"
    BUSY = "busy"
    STORE = "store"
    BROKER = "broker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The order was begun; `status` is pending, filled, cancelled or rejected (L01)."""

    order_id: int
    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPlaced:
    """Nothing was begun; `event` is what stands in the log, `reason` the documents' own words where they have some."""

    cause: Cause
    event: str
    reason: str


_REFUSED_AS = {
    "kill_switch": Cause.KILL_SWITCH,
    "gate": Cause.GATE,
    "limit": Cause.RISK,
    "token": Cause.RECORD,
    "store": Cause.STORE,
    "not_known": Cause.STORE,
}
_TOLD_AT_THE_DOOR = ("kill_switch", "gate", "limit", "token")
_STATUS = {OrderState.FILLED: "filled", OrderState.CANCELLED: "cancelled", OrderState.REJECTED: "rejected"}


class OrderDesk:
    """See the rules above."""

    def __init__(
        self,
        *,
        journal: Journal,
        book: Book,
        clock: Clock,
        approvals: ApprovalDesk,
        look: Callable[[Symbol], Awaitable[object]],
        last_price: Callable[[Symbol], Won | None],
        indicators: Callable[[Symbol], Indicators | None],
        forbids: Callable[[OrderIntent], str | None],
        place: Callable[[OrderIntent, Grant], Awaitable[Order | Refused]],
    ) -> None:
        self._journal = journal
        self._book = book
        self._clock = clock
        self._approvals = approvals
        self._look = look
        self._last_price = last_price
        self._indicators = indicators
        self._forbids = forbids
        self._place = place
        self._turns = [asyncio.Lock() for _ in range(_TURNS)]

    async def place(self, token: str | None, read: Callable[[], OrderRequest]) -> Placed | NotPlaced:
        """Place the order that `read` gives (it raises `ValueError` for one that is none), or say why not."""
        try:
            switch = await self._journal.transact(lambda rows: rows.kill_switch())
            if switch.forbids(Side.BUY):
                return self._blocked(switch, _or_none(read))
            if token is None:
                return self._refuse(Cause.NO_TOKEN, "no approval token was shown")
            claims = self._approvals.mint.read(token)
            if claims is TokenRefusal.EXPIRED:
                return self._refuse(Cause.EXPIRED, claims.value, _or_none(read))
            if isinstance(claims, TokenRefusal):
                return self._refuse(Cause.SIGNATURE, claims.value, _or_none(read))
            async with self._turns[int(token_hash(token)[:8], 16) % _TURNS]:
                return await self._place_with(token, claims, read)
        except StoreError as error:
            return self._refuse(Cause.STORE, str(error))

    async def _place_with(self, token: str, claims: Claims, read: Callable[[], OrderRequest]) -> Placed | NotPlaced:
        its_hash = token_hash(token)

        def look(rows: Rows) -> tuple[StoredApproval | None, StoredProposal | None]:
            kept = rows.approval(its_hash)
            return kept, None if kept is None else rows.proposal(kept.proposal_id)

        kept, proposal = await self._journal.transact(look)
        if kept is None or proposal is None or claims.proposal_id != proposal.proposal_id:
            return self._refuse(Cause.RECORD, TokenRefusal.NOT_FOUND.value, _or_none(read))
        about = proposal.correlation_id
        if kept.token_used_at is not None:
            return self._refuse(Cause.RECORD, TokenRefusal.ALREADY_USED.value, _or_none(read), about)
        if kept.token_expires_at <= self._clock.now():
            return self._refuse(Cause.EXPIRED, TokenRefusal.EXPIRED.value, _or_none(read), about)
        try:
            request = read()
        except ValueError as wrong:
            return self._refuse(Cause.MALFORMED, str(wrong), None, about)
        if proposal.is_of_a_signal or claims.bound != bound_of(proposal):
            return self._refuse(Cause.OTHER_ORDER, TokenRefusal.OTHER_ORDER.value, request, about)
        intent = await self._intent(request, proposal)
        if isinstance(intent, NotPlaced):
            return intent
        approval = Approval(
            proposal_id=proposal.proposal_id,
            token_hash=its_hash,
            token_jti=claims.jti,
            token_expires_at=kept.token_expires_at,
            approved_by="",
            approved_at=proposal.created_at,
        )
        outcome = await self._place(intent, Grant(token=token, proposal=proposal, approval=approval))
        if isinstance(outcome, Refused):
            return self._not_let_in(outcome, request, about)
        self._book.notional_today += intent.quantity * (intent.price or self._last_price(intent.symbol) or 0)
        number = await self._journal.transact(lambda rows: rows.order_number(outcome.key))
        return Placed(order_id=number or 0, status=_STATUS.get(outcome.state, "pending"), reason=outcome.refusal)

    async def _intent(self, request: OrderRequest, proposal: StoredProposal) -> OrderIntent | NotPlaced:
        """Return the order that is asked for, checked against proposal, venue and account."""
        about = proposal.correlation_id
        positions = {str(each.get("symbol")): each for each in _positions(proposal)}
        position = positions.get(request.symbol)
        if position is None or request.side is not Side.BUY:
            return self._refuse(Cause.OTHER_ORDER, TokenRefusal.OTHER_ORDER.value, request, about)
        try:
            listing = await self._listing(request.symbol)
        except BrokerError as error:
            return self._refuse(Cause.BROKER, str(error), request, about)
        if isinstance(listing, str):
            return self._refuse(Cause.UNSUPPORTED_SYMBOL, listing, request, about)
        symbol, today = listing.symbol, self._clock.now().date()
        price = request.price
        valid = price is None or (
            listing.lower_limit <= price <= listing.upper_limit
            and to_tick(price, Rounding.DOWN, listing.market, today) == price
        )
        if not valid:
            limits = f"{listing.lower_limit} to {listing.upper_limit}, in its ticks"
            return self._refuse(Cause.PRICE, f"price {price}: expected {limits}", request, about)
        valued = price or self._last_price(symbol) or listing.upper_limit
        equity, weight = self._book.figures(()).equity, float(position.get("weight") or 0)
        if request.quantity * valued > equity * weight:
            told = f"{request.quantity} x {valued} > {weight:.2%} of {equity}"
            return self._refuse(Cause.WEIGHT, told, request, about)
        indicators = self._indicators(symbol)
        if indicators is None or indicators.atr is None or indicators.atr <= 0:
            return self._refuse(Cause.NO_HISTORY, f"{symbol} has no history to protect it by", request, about)
        seq = self._book.next_entry_seq(symbol, today)
        signal = signal_id(today, symbol, RULE, seq, self._book.attempts(symbol, RULE, today, seq))
        intent = OrderIntent(
            symbol=symbol,
            market=listing.market,
            side=Side.BUY,
            quantity=request.quantity,
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            price=price,
            signal_id=signal,
            rule=RULE,
            reason=f"proposal {proposal.proposal_id}",
            correlation_id=about,
            entry_seq=seq,
            atr=indicators.atr,
        )
        if not positions_cover(proposal, intent):
            return self._refuse(Cause.OTHER_ORDER, TokenRefusal.OTHER_ORDER.value, request, about)
        forbidden = self._forbids(intent)
        return intent if forbidden is None else self._refuse(Cause.RISK, forbidden, request, about)

    async def _listing(self, text: str) -> Listing | str:
        """Return what this venue says of the symbol, or why it has none; `BrokerError` for one that it has."""
        try:
            symbol = as_symbol(text)
        except ValueError:
            return f"{text[:20]!r} is no symbol of this venue"
        try:
            await self._look(symbol)  # what was seen last may be old: nobody buys on that
        except BrokerError as error:
            if symbol in self._book.listings:
                raise
            return f"{symbol} is not known to the broker: {error}"
        return self._book.listings.get(symbol, f"{symbol} is not listed")

    # refusals

    def _blocked(self, switch: KillSwitch, request: OrderRequest | None) -> NotPlaced:
        return self._refuse(Cause.KILL_SWITCH, switch.reason or "kill switch is active", request)

    def _not_let_in(self, refused: Refused, request: OrderRequest, about: str) -> NotPlaced:
        cause = _REFUSED_AS.get(refused.code, Cause.BUSY)
        if refused.code in _TOLD_AT_THE_DOOR:
            is_killed = cause is Cause.KILL_SWITCH or "kill_switch" in refused.reason.split(",")[0]
            event = _event(Cause.KILL_SWITCH) if is_killed else f"order_rejected_{refused.code}"
            return NotPlaced(cause=cause, event=event, reason=refused.reason)
        return self._refuse(cause, refused.reason, request, about)

    def _refuse(
        self, cause: Cause, reason: str, request: OrderRequest | None = None, correlation_id: str = ""
    ) -> NotPlaced:
        """Keep the refusal as a fact, and the request where there was one to read."""
        event, at = _event(cause), self._clock.now()
        killed = cause is Cause.KILL_SWITCH
        fact = self._journal.fact(
            event,
            severity=Severity.ERROR if killed else Severity.WARNING,
            alerts=killed,
            correlation_id=correlation_id,
            symbol="" if request is None else request.symbol[:20],
            quantity=None if request is None else request.quantity,
            reason=reason,
        ).said_by(ROOM)
        if request is None:
            self._journal.note(fact)
        else:
            self._journal.note(fact, also=lambda rows: rows.add_refused_request(request, at, reason))
        return NotPlaced(cause=cause, event=event, reason=reason)


def _positions(proposal: StoredProposal) -> list[dict[str, Any]]:
    positions = proposal.content.get("positions")
    return [each for each in positions if isinstance(each, dict)] if isinstance(positions, list) else []


def _event(cause: Cause) -> str:
    return "order_blocked_killswitch" if cause is Cause.KILL_SWITCH else f"order_rejected_{cause}"


def _or_none(read: Callable[[], OrderRequest]) -> OrderRequest | None:
    try:
        return read()
    except ValueError:
        return None
