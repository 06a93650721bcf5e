"""The day's requests by number and those that still wait, with the listings of the days before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime

from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.simulator.requests import DIVISIONS, Channel, Hours, Request, RequestKind

FIRST_NUMBER = 10_000


class OrderBook:
    """Numbers requests and remembers them; numbers begin anew every day, so only (day, number) is unique."""

    def __init__(self, number_step: int) -> None:
        self.days: dict[date, dict[int, Request]] = {}
        self.next_number = FIRST_NUMBER
        self._step = number_step
        self._waiting: dict[Symbol, list[Request]] = {}
        # outside of the regular session: no trade of it can fill them
        self._aside: dict[tuple[Hours, Symbol], list[Request]] = {}

    def begin(self, day: date) -> None:
        self.days[day] = {}
        self.next_number = FIRST_NUMBER
        self._waiting, self._aside = {}, {}

    def number(
        self,
        kind: RequestKind,
        original: int | None,
        symbol: Symbol,
        side: Side,
        division: str,
        quantity: int,
        price: Won,
        at: datetime,
        channel: Channel = Channel.API,
    ) -> Request:
        """Return a new request under the next number."""
        request = Request(
            number=self.next_number,
            original=original,
            kind=kind,
            symbol=symbol,
            side=side,
            division=division,
            quantity=quantity,
            price=price if DIVISIONS[division].has_price else 0,
            at=at,
            channel=channel,
        )
        self.next_number += self._step
        self.days[at.date()][request.number] = request
        return request

    def find(self, day: date, number: int) -> Request | None:
        return self.days[day].get(number)

    def between(self, first: date, last: date) -> list[Request]:
        """Return the requests of the days `first` to `last`, oldest first."""
        return [request for day in self.days if first <= day <= last for request in self.days[day].values()]

    def waiting(self, symbol: Symbol) -> list[Request]:
        """Return the requests of `symbol` that the regular session may still fill, in the order of their numbers."""
        return self._waiting.get(symbol, [])

    def waiting_aside(self, hours: Hours) -> dict[Symbol, list[Request]]:
        """Return what other hours than the regular session's may still fill, by symbol."""
        return {symbol: list(waiting) for (kept, symbol), waiting in self._aside.items() if kept is hours and waiting}

    def wait(self, request: Request) -> None:
        hours = DIVISIONS[request.division].hours
        if hours is Hours.REGULAR:
            self._waiting.setdefault(request.symbol, []).append(request)
        else:
            self._aside.setdefault((hours, request.symbol), []).append(request)

    def drop_done(self, symbol: Symbol) -> None:
        """Let go of the requests of `symbol` of which nothing remains."""
        if symbol in self._waiting:
            self._waiting[symbol] = [request for request in self._waiting[symbol] if request.remaining]
        for (hours, kept), waiting in self._aside.items():
            if kept == symbol:
                self._aside[hours, kept] = [request for request in waiting if request.remaining]

    def open_sales(self, symbol: Symbol) -> int:
        """Return the shares of `symbol` in sales that still wait."""
        aside = [request for (_, kept), waiting in self._aside.items() if kept == symbol for request in waiting]
        return sum(request.remaining for request in (*self.waiting(symbol), *aside) if request.side is Side.SELL)

    def expire(self) -> list[Request]:
        """End the regular session: return what was still waiting for it, now expired."""
        ended = [request for waiting in self._waiting.values() for request in waiting]
        self._waiting = {}
        return _expired(ended)

    def expire_aside(self, hours: Collection[Hours]) -> list[Request]:
        """Return what waited in these hours outside of the regular session, now expired."""
        ended = [request for (kept, _), waiting in self._aside.items() if kept in hours for request in waiting]
        self._aside = {place: waiting for place, waiting in self._aside.items() if place[0] not in hours}
        return _expired([request for request in ended if request.remaining])

    def taken_in(self, hours: Hours, symbol: Symbol, day: date) -> int:
        """Return the shares of `symbol` that `hours` of `day` have filled."""
        rows = [row for row in self.days.get(day, {}).values() if row.symbol == symbol]
        return sum(row.filled for row in rows if DIVISIONS[row.division].hours is hours)

    def take_back(self, day: date, requests: Iterable[Request], *, running: bool) -> None:
        """Put in the requests of a saved day; those of a `running` one go on waiting, others have expired."""
        self.days[day] = {request.number: request for request in requests}
        for request in self.days[day].values():
            if not request.is_open:
                continue
            if running:
                self.wait(request)
            else:
                request.expired, request.held = True, 0


def _expired(requests: list[Request]) -> list[Request]:
    for request in requests:
        request.expired = True
    return requests
