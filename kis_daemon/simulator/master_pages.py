"""The exchange's lists of symbols, as KIS publishes them each day: zipped CP949 files beside the services.

    GET /common/master/kospi_code.mst.zip, kosdaq_code.mst.zip

Rules of this room (the wire contract, 4.2.16)
    No key, and no call of anybody's budget. One line a symbol: code, ISIN, name, and a tail of fixed width.
    Flags are those of now; volume and market value are of the day before. Funds stand on the list of KOSPI.
    What the simulated market does not know is blank.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from kis_daemon.domain.market import Market
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.capital import PAR_VALUE, isin_of
from kis_daemon.simulator.rest_rank import is_preferred
from kis_daemon.simulator.venue import Venue

FOLDER = "/common/master"
_LOT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tail:
    """Where the fields of a board's tail begin; `member` is the KOSPI 200 sector or the KOSDAQ 150 flag."""

    width: int
    member: int
    base_price: int
    lot: int
    halt: int  # then liquidation, administration, warning
    margin: int
    volume: int
    par_value: int
    listed_on: int
    shares: int
    preferred: int
    market_cap: int


_LISTS: Mapping[str, tuple[tuple[Market, ...], _Tail]] = {
    "kospi_code.mst": (
        (Market.KOSPI, Market.ETF),
        _Tail(
            width=227,
            member=18,
            base_price=41,
            lot=50,
            halt=60,
            margin=74,
            volume=81,
            par_value=93,
            listed_on=105,
            shares=113,
            preferred=158,
            market_cap=212,
        ),
    ),
    "kosdaq_code.mst": (
        (Market.KOSDAQ,),
        _Tail(
            width=221,
            member=35,
            base_price=36,
            lot=45,
            halt=55,
            margin=69,
            volume=76,
            par_value=88,
            listed_on=100,
            shares=108,
            preferred=153,
            market_cap=206,
        ),
    ),
}


class MasterPages:
    """Answers whoever downloads a list."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Put the lists where KIS's download server has them."""
        for name in _LISTS:
            router.add_get(f"{FOLDER}/{name}.zip", self._page(name))

    def _page(self, name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def page(_request: web.Request) -> web.Response:
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(name, self._list(name))
            return web.Response(body=packed.getvalue(), content_type="application/zip")

        return page

    def _list(self, name: str) -> bytes:
        markets, tail = _LISTS[name]
        boards = [one for one in self._venue.exchange.boards.values() if one.base and one.market in markets]
        return b"".join(self._line(board, tail) + b"\n" for board in boards)

    def _line(self, board: Board, places: _Tail) -> bytes:
        capital, view = self._venue.capital(board.symbol), self._venue.view(board)
        tail = bytearray(b" " * places.width)

        def put(at: int, text: str) -> None:
            tail[at : at + len(text)] = text.encode("ascii")

        flags = (view.halted, view.in_liquidation, view.under_administration)
        is_fund = board.market is Market.ETF
        put(0, "EF" if is_fund else "ST")
        put(2, "0")
        put(places.member, {Market.KOSPI: "1", Market.KOSDAQ: "Y", Market.ETF: "0"}[board.market])
        put(places.base_price, f"{board.base:09}")
        put(places.lot, f"{_LOT:05}{_LOT:05}")
        put(places.halt, "".join("Y" if flag else "N" for flag in flags) + view.warning_code)
        put(places.margin, "020")
        put(places.volume, f"{0 if board.previous is None else board.previous.volume:012}")
        put(places.par_value, f"{PAR_VALUE:012}")
        put(places.listed_on, f"{capital.listed_on:%Y%m%d}")
        put(places.shares, f"{capital.shares // 1000:015}")
        put(places.preferred, "1" if is_preferred(board) else "0")
        put(places.market_cap, f"{capital.value(board.base):09}")
        head = f"{board.symbol:<9}{isin_of(board.symbol)}{board.name}"
        return head.encode("cp949", "replace") + bytes(tail)
