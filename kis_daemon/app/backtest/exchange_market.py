"""Prices of the simulated exchange, behind the ports `MarketData` and `QuoteFeed`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kis_daemon.app.backtest.calls import Calls
from kis_daemon.domain.market import Bar, Listing, Quote, QuoteSession, QuoteSource, Symbol
from kis_daemon.domain.orders import OrderNo
from kis_daemon.domain.price_path import PathTick
from kis_daemon.kis.budget import Priority
from kis_daemon.ports import Chart, ExecutionNotice, FeedSink, FeedState, NoticeKind, Snapshot, SymbolBlocked
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.requests import EventKind, OrderEvent
from kis_daemon.simulator.rest_days import CHART_ROWS, bars_until_now
from kis_daemon.simulator.venue import Venue

_NOTICES = {
    EventKind.ACCEPTED: NoticeKind.ACCEPTED,
    EventKind.FILLED: NoticeKind.FILLED,
    EventKind.MODIFIED: NoticeKind.MODIFIED,
    EventKind.CANCELLED: NoticeKind.CANCELLED,
    EventKind.LAPSED: NoticeKind.CANCELLED,
    EventKind.REJECTED: NoticeKind.REJECTED,
}


class ExchangeMarketData:
    """Snapshots and charts, each for its slot; a chart takes a call for every hundred days."""

    def __init__(self, venue: Venue, calls: Calls) -> None:
        self._venue = venue
        self._calls = calls

    async def snapshot(self, symbol: Symbol, *, urgent: bool = False) -> Snapshot:
        await self._calls.ask(Priority.EXIT if urgent else Priority.QUOTE)
        board = self._venue.board(symbol)
        if board is None:
            raise SymbolBlocked(f"{symbol} is unknown to the broker")
        view = self._venue.view(board)
        listing = Listing(
            symbol=symbol,
            name="",
            market=board.market,
            base_price=board.base,
            upper_limit=board.upper,
            lower_limit=board.lower,
            suspended=view.halted,
            under_administration=view.under_administration,
            in_liquidation=view.in_liquidation,
        )
        quote = Quote(
            symbol=symbol,
            price=board.price,
            at=self._venue.now(),
            ask=0,
            bid=0,
            open=board.open,
            high=board.high,
            low=board.low,
            day_volume=board.volume,
            session=QuoteSession.AUCTION if view.in_vi else QuoteSession.REGULAR,
            halted=view.halted,
            in_vi=view.in_vi,
            source=QuoteSource.REST,
        )
        return Snapshot(listing=listing, quote=quote if board.price > 0 else None)

    async def quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        snapshots = [await self.snapshot(symbol) for symbol in dict.fromkeys(symbols)]
        return tuple(snapshot.quote for snapshot in snapshots if snapshot.quote is not None)

    async def chart(self, symbol: Symbol, first: date, last: date) -> Chart:
        newest_first: list[Bar] = []
        end, name = last, ""
        while end >= first:
            await self._calls.ask(Priority.HISTORY)
            board = self._venue.board(symbol)
            if board is None:
                break
            name = board.name
            page = bars_until_now(self._venue, board, first, end, "D", adjusted=True)[-CHART_ROWS:]
            newest_first += (bar for bar in reversed(page) if bar.volume and bar.open and bar.high and bar.low)
            if len(page) < CHART_ROWS:
                break
            end = page[0].date - timedelta(days=1)
        return Chart(symbol=symbol, name=name, bars=tuple(reversed(newest_first)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFigures:
    """What a feed without a wire tells of itself."""

    ws_messages: int
    ws_connected: bool
    last_ws_message_ts: datetime | None
    ws_heartbeat_fresh: bool
    ws_reconnect_count: int = 0
    ws_last_error: str = ""


class ExchangeFeed:
    """The stream: hands on the trades of every symbol that is wanted, and notices a moment after their event."""

    def __init__(self, calls: Calls, midnight_of: Callable[[], datetime], notice_delay_s: float) -> None:
        self._calls = calls
        self._midnight_of = midnight_of
        self._notice_delay_s = notice_delay_s
        self._sink: FeedSink | None = None
        self._wanted: dict[Symbol, None] = {}
        self._messages = 0

    async def run(self, sink: FeedSink) -> None:
        await self._calls.stream_key()
        self._sink = sink
        sink.on_feed_state(FeedState(connected=True, symbols=tuple(self._wanted), resync_needed=True))
        await asyncio.Event().wait()

    def want(self, held: Sequence[Symbol], candidates: Sequence[Symbol] = ()) -> None:
        wanted = dict.fromkeys([*held, *candidates])
        if wanted.keys() == self._wanted.keys():
            return
        self._wanted = wanted
        if self._sink is not None:
            self._sink.on_feed_state(FeedState(connected=True, symbols=tuple(wanted)))

    def reconnect(self) -> None:
        """A stream without a wire is never lost."""

    def metrics(self) -> FeedFigures:
        is_up = self._sink is not None
        return FeedFigures(
            ws_messages=self._messages, ws_connected=is_up, last_ws_message_ts=None, ws_heartbeat_fresh=is_up
        )

    # what the exchange tells

    def on_trade(self, board: Board, _tick: PathTick) -> None:
        if self._sink is None or board.symbol not in self._wanted:
            return
        self._messages += 1
        hours, second = divmod(board.traded_at, 10_000)
        minutes, seconds = divmod(second, 100)
        self._sink.on_quote(
            Quote(
                symbol=board.symbol,
                price=board.price,
                at=self._midnight_of() + timedelta(hours=hours, minutes=minutes, seconds=seconds),
                ask=board.ask,
                bid=board.bid,
                open=board.open,
                high=board.high,
                low=board.low,
                day_volume=board.volume,
                session=QuoteSession.REGULAR,
                halted=False,
                in_vi=False,
                source=QuoteSource.STREAM,
            )
        )

    def on_events(self, events: tuple[OrderEvent, ...]) -> None:
        for event in events:
            asyncio.get_running_loop().call_later(self._notice_delay_s, self._notify, event)

    def _notify(self, event: OrderEvent) -> None:
        if self._sink is None:
            return
        self._sink.on_notice(notice_of(event))


def notice_of(event: OrderEvent) -> ExecutionNotice:
    """Return what the stream says of an event."""
    request = event.request
    return ExecutionNotice(
        kind=_NOTICES[event.kind],
        order_no=OrderNo(str(request.number)),
        original_no=None if request.original is None else OrderNo(str(request.original)),
        symbol=request.symbol,
        side=request.side,
        quantity=event.quantity,
        price=event.price,
        at=event.at,
    )
