"""Broken orders, ledgers, streams and market rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from unittest.mock import patch

from kis_daemon.domain import costs
from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.simulator import (
    board,
    exchange,
    fields,
    frames,
    frames_book,
    interruptions,
    matching,
    notices,
    order_book,
    pit,
    player,
    registrar,
    rest_ledger,
    rest_listing,
    rest_price,
    rest_trading,
    sessions,
    stream,
    tokens,
)
from kis_daemon.simulator.account import Account
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.wire import Reply
from tests.conformance.mutation import breaks, wrapped

# --- orders ---------------------------------------------------------------------------------------------------


@breaks("0", "4.3.1")
def order_outputs_in_small_letters() -> AbstractContextManager[Any]:
    def small(reply: Reply, _: tuple[Any, ...]) -> Reply:
        output = reply.body.get("output")
        return reply if output is None else replace(reply, body={**reply.body, "output": _lower(output)})

    return wrapped(rest_trading, "_answer", small)


def _lower(output: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in output.items()}


@breaks("4.3.1")
def a_market_order_reserves_the_last_price() -> AbstractContextManager[Any]:
    def unit(board: Any, code: str, limit: int) -> int:
        return limit or board.price

    return _both("unit_to_hold", unit)


@contextmanager
def _both(name: str, replacement: Any) -> Iterator[None]:
    """Replace a function of `matching` wherever it was imported."""
    with patch.object(exchange, name, replacement), patch.object(pit, name, replacement):
        yield


@breaks("4.3.1", "7")
def order_numbers_without_padding() -> AbstractContextManager[Any]:
    def short(reply: Reply, _: tuple[Any, ...]) -> Reply:
        output = reply.body.get("output")
        if output is None:
            return reply
        return replace(reply, body={**reply.body, "output": output | {"ODNO": output["ODNO"].lstrip("0")}})

    return wrapped(rest_trading, "_answer", short)


@breaks("4.3.1", "0")
def decimals_are_taken() -> AbstractContextManager[Any]:
    return patch.object(fields.Fields, "whole", lambda self, name: int(float(self.text(name) or 0)))


@breaks("4.3.2")
def a_change_that_forgets_its_original() -> AbstractContextManager[Any]:
    original = order_book.OrderBook.number

    def number(self: Any, kind: Any, of: int | None, *args: Any) -> Any:
        request = original(self, kind, of, *args)
        request.original = None
        return request

    return patch.object(order_book.OrderBook, "number", number)


@breaks("4.3.6")
def sold_out_rows_vanish_at_once() -> AbstractContextManager[Any]:
    original = Account.book

    def book(self: Account, *args: Any) -> None:
        original(self, *args)
        for symbol in [symbol for symbol, row in self.holdings.items() if not row.quantity]:
            del self.holdings[symbol]

    return patch.object(Account, "book", book)


@breaks("4.3.6")
def purchases_settle_at_once() -> AbstractContextManager[Any]:
    original = Account.book

    def book(self: Account, *args: Any) -> None:
        original(self, *args)
        self.cash += self.unsettled.pop()[1]

    return patch.object(Account, "book", book)


@breaks("4.3.6")
def sellable_shares_forget_open_sales() -> AbstractContextManager[Any]:
    return wrapped(rest_ledger, "balance_row", lambda row, _: row | {"ord_psbl_qty": row["hldg_qty"]})


@breaks("4.3.7")
def cancelled_shares_are_forgotten() -> AbstractContextManager[Any]:
    return wrapped(rest_listing, "_row", lambda row, _: row | {"cncl_cfrm_qty": "0"})


@breaks("s7_39")
def orders_that_survive_the_night() -> AbstractContextManager[Any]:
    return patch.object(Exchange, "close_day", lambda self: None)


@breaks("4.4")
def orders_at_any_hour() -> AbstractContextManager[Any]:
    original = Exchange._phase

    def phase(self: Exchange, division: str, symbol: Any, at: datetime) -> Any:
        return original(self, division, symbol, at.replace(hour=11))

    return patch.object(Exchange, "_phase", phase)


# --- the stream -----------------------------------------------------------------------------------------------


@breaks("5.5.4")
def fields_9_and_16_exchanged() -> AbstractContextManager[Any]:
    def exchanged(plain: str, _: tuple[Any, ...]) -> str:
        told = plain.split("^")
        told[9], told[16] = told[16], told[9]
        return "^".join(told)

    return wrapped(notices, "_notice", exchanged)


@breaks("5.5.1")
def the_new_format_before_the_reform() -> AbstractContextManager[Any]:
    return patch.object(frames, "REFORM", sessions.REFORM - timedelta(days=30))


@breaks("5.5.2")
def the_wide_book_before_the_second_venue() -> AbstractContextManager[Any]:
    return patch.object(frames_book, "FIELDS_62_SINCE", sessions.REFORM - timedelta(days=3_000))


@breaks("5.6", "7")
def one_key_for_every_session() -> AbstractContextManager[Any]:
    def rotate(self: Any, session: Any) -> None:
        session.key, session.iv = "k" * 32, "i" * 16

    return patch.object(stream.Stream, "rotate", rotate)


@breaks("5.6")
def notices_in_clear() -> AbstractContextManager[Any]:
    return patch.object(stream, "notice_frame", lambda tr_id, plain, key, iv: f"0|{tr_id}|001|{plain}")


@breaks("5.3")
def forty_two_registrations() -> AbstractContextManager[Any]:
    return patch.object(stream, "MAX_REGISTRATIONS", 42)


@breaks("s5_3_a_second")
def a_second_session_is_let_in() -> AbstractContextManager[Any]:
    return patch.object(stream.Stream, "_is_taken", lambda self, newcomer: False)


@breaks("s5_3_whoever")
def silence_is_forgiven() -> AbstractContextManager[Any]:
    return patch.object(stream, "UNANSWERED_PINGS", 1_000)


@breaks("5.1", "5.3")
def any_approval_key_will_do() -> AbstractContextManager[Any]:
    return patch.object(tokens.KeyDesk, "opens_stream", lambda self, key, now: True)


@breaks("5.3")
def any_customer_type_and_tr_type() -> AbstractContextManager[Any]:
    original = registrar.read

    def read(message: str | bytes, *keys: str) -> Any:
        text = message if isinstance(message, str) else message.decode()
        return original(text.replace('"custtype": "X"', '"custtype": "P"'), *keys)

    return patch.object(stream, "read", read)


# --- the market -----------------------------------------------------------------------------------------------


@breaks("6.6")
def the_tax_of_another_year() -> AbstractContextManager[Any]:
    return patch.object(costs, "_SELL_TAX_PPM", ((date.min, 1800),))


@breaks("6.2")
def a_tick_table_of_one_step() -> AbstractContextManager[Any]:
    return patch.object(matching, "tick_size", lambda price, market, on: 1)


@breaks("6.3")
def limits_of_15_percent() -> AbstractContextManager[Any]:
    def narrow(limits: tuple[int, int], args: tuple[Any, ...]) -> tuple[int, int]:
        return (args[0] + limits[0]) // 2, (args[0] + limits[1]) // 2

    return wrapped(board, "price_limits", narrow)


@breaks("6.4")
def interruptions_of_a_minute() -> AbstractContextManager[Any]:
    return patch.object(interruptions, "LASTS", timedelta(minutes=1))


@breaks("6.1")
def no_closing_auction() -> AbstractContextManager[Any]:
    def cut(played: list[Any], _: tuple[Any, ...]) -> list[Any]:
        return [each for each in played if each.phase is not SessionPhase.CLOSING_AUCTION]

    return wrapped(player, "programme", cut)


@breaks("6.5")
def a_halt_that_still_takes_orders() -> AbstractContextManager[Any]:
    return patch.object(board.Board, "halted", property(lambda self: False))


@breaks("4.2.1", "6.5")
def states_that_are_not_told() -> AbstractContextManager[Any]:
    return patch.object(rest_price, "_yes", lambda _: "N")
