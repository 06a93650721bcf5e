"""The trades of the stream: H0STCNT0 and its NXT and unified sisters.

Source: the wire contract, sections 5.4 and 5.5.1. A record is one f-string: it is made 300,000 times in a simulated
year. A trade that is printed as several executions has a record for each, and only the last shows the board as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.sessions import REFORM
from kis_daemon.simulator.wire import direction, sign_of


def trade_printer(
    tr_id: str = "H0STCNT0", *, reformed: bool | None = None, records: int = 1
) -> Callable[[Board, PathTick], str]:
    """Return what writes the frame of the trade that a board has just recorded; `reformed` None is by its day."""
    head = f"0|{tr_id}|001|"

    def printed(board: Board, tick: PathTick) -> str:
        with_47 = board.day >= REFORM if reformed is None else reformed
        if records == 1 or tick.volume < records:
            return head + _record(board, tick.volume, tick.volume, 0, with_47)
        return f"0|{tr_id}|{records:03d}|{'^'.join(_executions(board, tick.volume, records, with_47))}"

    return printed


def _executions(board: Board, volume: int, records: int, with_47: bool) -> Iterator[str]:
    """Yield a trade of `volume` shares as `records` executions, of which the last takes what the others leave."""
    share = volume // records
    for to_come in range(volume - share, volume - share * records, -share):
        yield _record(board, volume, share, to_come, with_47)
    yield _record(board, volume, volume - share * (records - 1), 0, with_47)


def _record(board: Board, quoted: int, executed: int, to_come: int, with_47: bool) -> str:
    """Return one execution of `executed` shares, after which `to_come` of the same trade follow."""
    price, base, volume = board.price, board.base or board.price, board.volume - to_come
    bought = board.bought - to_come if board.bought_last else board.bought
    turnover = board.turnover - to_come * price
    sold = volume - bought
    sells = board.trades - board.buys
    change = price - base
    from_open, from_high, from_low = price - board.open, price - board.high, price - board.low
    before = board.previous.volume if board.previous is not None else 0
    asks, bids = (quoted if board.ask else 0), (quoted if board.bid else 0)
    return (
        f"{board.symbol}^{board.traded_at:06d}^{price}^{sign_of(board, price)}^{change}"
        f"^{change * 100 / base:.2f}^{turnover / volume:.2f}^{board.open}^{board.high}^{board.low}"
        f"^{board.ask}^{board.bid}^{executed}^{volume}^{turnover}"
        f"^{sells}^{board.buys}^{board.buys - sells}"
        f"^{bought * 100 / sold if sold else 0.0:.2f}^{sold}^{bought}^{1 if board.bought_last else 5}"
        f"^{bought * 100 / volume:.2f}^{volume * 100 / before if before else 0.0:.2f}"
        f"^{board.opened_at:06d}^{direction(from_open)}^{from_open}"
        f"^{board.high_at:06d}^{direction(from_high)}^{from_high}"
        f"^{board.low_at:06d}^{direction(from_low)}^{from_low}"
        f"^{board.stamp}^20^N^{asks}^{bids}^{asks * 10}^{bids * 10}^0.00^{before}^0.00^0^"
        f"^{board.single_price or board.open}"
        f"{'^2' if with_47 else ''}"
    )
