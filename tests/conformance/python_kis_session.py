"""A morning with python-kis from PyPI, unmodified but for its addresses: run as a process of its own.

    echo '{"profile", "real", "paper"}' | python -m tests.conformance.python_kis_session

`real` and `paper` are what the two simulators told at their start. Printed is one JSON object: step -> what python-kis
returned, or {"error"}. What the venue itself says of the account stands beside it. Where python-kis says that it cannot
do something on paper, there is no such step.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import date
from typing import Any

import pykis.client.websocket  # type: ignore[import-untyped]  # ships no types
import pykis.kis  # type: ignore[import-untyped]  # ships no types
from pykis import KisAuth, PyKis

SYMBOL = "005930"
PATIENCE_S = 8.0
BETWEEN_KEYS_S = 0.1  # it asks for an approval key with every registration, and the venue gives one a second
MONTH = (date(2024, 6, 1), date(2024, 6, 30))
Told = dict[str, Any]


def auth_of(card: Told, *, virtual: bool) -> KisAuth:
    return KisAuth(
        id=card["hts_id"],
        account=card["account"],
        appkey=card["app_key"],
        secretkey=card["app_secret"],
        virtual=virtual,
    )


def at(real: Told, paper: Told) -> None:
    """Tell python-kis where the two venues are."""
    pykis.kis.REAL_DOMAIN, pykis.kis.VIRTUAL_DOMAIN = real["rest_url"], paper["rest_url"]
    streams = pykis.client.websocket
    streams.WEBSOCKET_REAL_DOMAIN = real["ws_url"].removesuffix("/tryitout")
    streams.WEBSOCKET_VIRTUAL_DOMAIN = paper["ws_url"].removesuffix("/tryitout")


class Morning:
    """The steps in their order, and what came of each."""

    def __init__(self, kis: PyKis, card: Told, *, real: bool) -> None:
        self.done: dict[str, Any] = {}
        self.kis = kis
        self.real = real
        self._card = card

    def step(self, name: str, act: Callable[[], Told]) -> None:
        try:
            self.done[name] = act()
        except Exception as error:  # noqa: BLE001  # each step is judged by itself, by the test
            self.done[name] = {"error": f"{type(error).__name__}: {error}"}

    def page(self, name: str) -> Any:
        with urllib.request.urlopen(f"{self._card['admin_url']}/{name}", timeout=5) as answer:
            return json.load(answer)

    def order(self, number: Any) -> Told:
        """Return the venue's row of an order of ours."""
        found: Told = next(row for row in self.page("orders") if row["number"] == number.number)
        return found

    def quotes(self, stock: Any) -> None:
        self.step("token", lambda: {"type": self.kis.token.type, "expired": self.kis.token.expired})

        def quote() -> Told:
            told = stock.quote()
            names = ("symbol", "name", "price", "open", "high", "low", "high_limit", "low_limit", "prev_price")
            return {name: _plain(getattr(told, name)) for name in names}

        def book() -> Told:
            told = stock.orderbook()
            return {"asks": [int(a.price) for a in told.asks], "bids": [int(b.price) for b in told.bids]}

        def chart() -> Told:
            bars = stock.chart(start=date(2024, 1, 2), end=date(2024, 5, 31)).bars
            return {"days": [bar.time.date().isoformat() for bar in bars], "closes": [int(bar.close) for bar in bars]}

        def minutes() -> Told:
            bars = stock.chart(period=1).bars
            return {"count": len(bars), "first": bars[0].time_kst.isoformat()}

        for name, act in (("quote", quote), ("order book", book), ("daily chart", chart), ("day chart", minutes)):
            self.step(name, act)

    def money(self, stock: Any, name: str) -> None:
        def balance() -> Told:
            told = self.kis.account().balance()
            held = {each.symbol: int(each.qty) for each in told.stocks}
            return {"cash": int(told.deposits["KRW"].amount), "held": held, "venue": self.page("account")}

        def orderable() -> Told:
            told = stock.orderable_amount(price=10_000)
            return {"quantity": int(told.qty), "amount": int(told.amount)}

        self.step(name, balance)
        if name == "balance":
            self.step("orderable", orderable)

    def trades(self, stock: Any) -> None:
        orders: dict[str, Any] = {}

        def sent(name: str, order: Any) -> Told:
            orders[name] = order
            return {"branch": order.branch, "number": order.number, "venue": self.order(order)}

        low = int(stock.quote().low_limit)
        self.step("buy", lambda: sent("buy", stock.buy(qty=3)))
        self.money(stock, "balance after")
        self.step("buy limit", lambda: sent("limit", stock.buy(qty=2, price=low)))

        def pending() -> Told:
            return {"numbers": [order.number for order in self.kis.account().pending_orders().orders]}

        if self.real:
            self.step("pending", pending)
            self.step("modify", lambda: sent("modified", orders["limit"].modify(price=low + 100)))
        self.step("cancel", lambda: sent("cancel", orders["modified" if self.real else "limit"].cancel()))
        self.step("sell", lambda: sent("sell", stock.sell(qty=1)))

        def daily() -> Told:
            rows = self.kis.account().daily_orders(*MONTH).orders
            return {row.order_number.number: [row.type, int(row.qty), int(row.executed_qty)] for row in rows}

        def profits() -> Told:
            told = self.kis.account().profits(*MONTH)
            return {"bought": int(told.buy_amount), "sold": int(told.sell_amount), "profit": int(told.profit)}

        self.step("daily orders", daily)
        if self.real:
            self.step("profits", profits)
        self.done["orders"] = self.page("orders")

    def heard(self, events: list[Told], wanted: Callable[[list[Told]], bool]) -> Told:
        last = time.monotonic() + PATIENCE_S
        while not wanted(events):
            if time.monotonic() > last:
                return {"error": f"only {events} within {PATIENCE_S} s"}
            time.sleep(0.02)
        return {"events": events}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else int(value)


def _execution(event: Any) -> Told:
    told = event.response
    return {
        "number": told.order_number.number if told.order_number is not None else "",
        "symbol": told.symbol,
        "side": told.type,
        "executed": int(told.executed_quantity),
        "quantity": int(told.quantity),
    }


def _price(event: Any) -> Told:
    told = event.response
    return {"symbol": told.symbol, "price": int(told.price), "volume": int(told.volume)}


def _connected(client: Any, tr_id: str) -> None:
    """Wait until a registration has been acknowledged."""
    last = time.monotonic() + PATIENCE_S
    while not any(tr.id == tr_id for tr in client._registered_subscriptions):
        if time.monotonic() > last:
            raise TimeoutError(f"{tr_id} was not acknowledged")
        time.sleep(0.02)


def main() -> None:
    asked = json.load(sys.stdin)
    real, paper = asked["real"], asked["paper"]
    on_real = asked["profile"] == "real"
    at(real, paper)
    first = auth_of(real, virtual=False)
    kis = PyKis(first, keep_token=False) if on_real else PyKis(first, auth_of(paper, virtual=True), keep_token=False)
    card = real if on_real else paper
    morning = Morning(kis, card, real=on_real)
    stock = kis.stock(SYMBOL)
    morning.quotes(stock)
    morning.money(stock, "balance")
    prices: list[Told] = []
    executions: list[Told] = []
    tickets: list[Any] = []

    def listen(client: Any, tr_id: str, tr_key: str, hear: Callable[[Any, Any], None]) -> Told:
        tickets.append(client.on(tr_id, tr_key, hear, primary=True))
        _connected(client if on_real else kis.websocket._primary_client, tr_id)
        time.sleep(BETWEEN_KEYS_S)
        return {"registered": tr_id}

    notice = "H0STCNI0" if on_real else "H0STCNI9"
    morning.step(
        "register notices",
        lambda: listen(kis.websocket, notice, card["hts_id"], lambda _, e: executions.append(_execution(e))),
    )
    # it would take prices from its real venue; asked directly, its paper connection takes them too
    trading = kis.websocket if on_real else kis.websocket._primary_client
    morning.step("register prices", lambda: listen(trading, "H0STCNT0", SYMBOL, lambda _, e: prices.append(_price(e))))
    morning.trades(stock)
    morning.step(
        "execution event",
        lambda: morning.heard(executions, lambda seen: {each["side"] for each in seen} == {"buy", "sell"}),
    )
    morning.step("price event", lambda: morning.heard(prices, bool))
    for ticket in tickets:
        ticket.unsubscribe()
        time.sleep(BETWEEN_KEYS_S)
    kis.websocket.disconnect()
    sys.stdout.write(f"\n{json.dumps(morning.done, default=str)}\n")


if __name__ == "__main__":
    main()
