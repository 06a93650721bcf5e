"""Many symbols looked at together, on the wire: what a selection needs of a price answer, and no more. Pure.

Rules of this room
    KIS manual: 관심종목(멀티종목) 시세조회 (intstock-multprice), 주식현재가 시세 (inquire-price).
    The first tells thirty symbols and nothing of halts, designations and market values; the second tells one, with all
    of them, but without its name. A market value of 0 is not told. It comes in units of 100 million won.
    iscd_stat_cls_code: 51 under administration, 58 halted.
"""

from __future__ import annotations

from collections.abc import Collection

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.wire import Body
from kis_daemon.kis.wire_market import check_echo
from kis_daemon.kis.wire_values import read_symbol
from kis_daemon.ports import ProtocolError, Surveyed, SymbolBlocked

_EOK = 100_000_000


def read_surveyed(body: Body, symbols: Collection[Symbol]) -> tuple[Surveyed, ...]:
    """Return what a multi-price answer says of those of `symbols` that it knows; an unreadable row is left out."""
    found: dict[Symbol, Surveyed] = {}
    for row in body.rows("output"):
        if not row.text("inter_shrn_iscd"):
            continue  # an unknown symbol is an empty row
        symbol = read_symbol(row.text("inter_shrn_iscd"))
        if symbol not in symbols or symbol in found:
            raise ProtocolError(f"{symbol} was not asked for, or answered twice")
        try:
            price, opened = row.count("inter2_prpr", 0), row.count("inter2_oprc", 0)
        except ProtocolError:
            continue
        found[symbol] = Surveyed(
            symbol=symbol,
            name=row.text("inter_kor_isnm"),
            price=price,
            open=opened,
            market_cap=None,
            suspended=None,
            under_administration=None,
        )
    return tuple(one for one in found.values() if one.price > 0)


def read_surveyed_one(body: Body, symbol: Symbol) -> Surveyed:
    """Return what a price answer says of `symbol`; `SymbolBlocked` if it knows nothing of it."""
    row = body.row("output")
    check_echo(row, "stck_shrn_iscd", symbol)
    price, state = row.count("stck_prpr", 0), row.text("iscd_stat_cls_code")
    if not price and not row.count("stck_sdpr", 0):
        raise SymbolBlocked(f"{symbol} is unknown to the broker")
    return Surveyed(
        symbol=symbol,
        name="",
        price=price,
        open=row.count("stck_oprc", 0),
        market_cap=row.count("hts_avls", 0) * _EOK or None,
        suspended=row.text("temp_stop_yn") == "Y" or state == "58" or row.text("sltr_yn") == "Y",
        under_administration=row.text("mang_issu_cls_code") == "Y" or state == "51",
    )
