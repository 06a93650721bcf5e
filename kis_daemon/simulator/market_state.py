"""What the market itself has to remember on disk: commands that stand, and the days that were not the price book's.

Rules of this room
    A plain market has nothing to save. Of the running day only the disturbed boards are kept, with their tapes: a
    board is its tape, recorded again. What is not named in a file was as usual.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Bar, Symbol
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.board import Board, Trading
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.interruptions import Interruption, InterruptionKind, settle
from kis_daemon.simulator.market_rules import Designation
from kis_daemon.simulator.requests import RequestKind


def market_of(exchange: Exchange) -> dict[str, Any]:
    """Return what is to be saved, in what JSON can hold."""
    return {
        "halts": sorted(exchange.halts),
        "designations": dict(exchange.designations),
        "rejects": [list(waiting) for waiting in exchange.rejects],
        "amended": {
            symbol: [_plain(asdict(bar)) for bar in days.values()] for symbol, days in exchange.prices.amended.items()
        },
        "boards": {symbol: _board(board) for symbol, board in exchange.boards.items() if board.disturbed},
        "interruptions": [_plain(asdict(record)) for record in exchange.interruptions.records],
    }


def take_back(exchange: Exchange, state: dict[str, Any]) -> None:
    """Give `exchange` back what stands over days; before its boards are made."""
    saved = state.get("market")
    if saved is None:
        return
    exchange.halts = {Symbol(symbol) for symbol in saved["halts"]}
    exchange.designations = {Symbol(symbol): Designation(word) for symbol, word in saved["designations"].items()}
    exchange.rejects = [
        (RequestKind(kind) if kind is not None else None, Symbol(symbol) if symbol is not None else None)
        for kind, symbol in saved["rejects"]
    ]
    for symbol, bars in saved["amended"].items():
        for bar in bars:
            exchange.prices.amend(Symbol(symbol), Bar(**{**bar, "date": date.fromisoformat(bar["date"])}))


def take_back_boards(exchange: Exchange, state: dict[str, Any]) -> None:
    """Give the boards of the running day back what disturbed them."""
    saved = state.get("market")
    if saved is None:
        return
    for name, kept in saved["boards"].items():
        board = exchange.boards[Symbol(name)]
        fresh = board.cleared()
        for at, tick in kept["tape"]:
            fresh.record(PathTick(**tick), _moment(at))
        fresh.disturbed = True
        fresh.trading = Trading(kept["trading"])
        fresh.interrupted_to = _moment(kept["interrupted_to"]) if kept["interrupted_to"] else None
        fresh.interruptions, fresh.single_price = kept["interruptions"], kept["single_price"]
        fresh.kept_back = PathTick(**kept["kept_back"]) if kept["kept_back"] else None
        fresh.shift_ppm = kept["shift_ppm"]
        settle(fresh)
        exchange.boards[board.symbol] = fresh
    exchange.interruptions.records[:] = [
        Interruption(
            **{
                **record,
                "symbol": Symbol(record["symbol"]),
                "kind": InterruptionKind(record["kind"]),
                "begins_at": _moment(record["begins_at"]),
                "ends_at": _moment(record["ends_at"]),
            }
        )
        for record in saved["interruptions"]
    ]


def _board(board: Board) -> dict[str, Any]:
    return {
        "tape": [[at.isoformat(), asdict(tick)] for at, tick in board.tape],
        "trading": board.trading,
        "interrupted_to": board.interrupted_to.isoformat() if board.interrupted_to is not None else None,
        "interruptions": board.interruptions,
        "single_price": board.single_price,
        "kept_back": asdict(board.kept_back) if board.kept_back is not None else None,
        "shift_ppm": board.shift_ppm,
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(KST)
