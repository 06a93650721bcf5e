"""A broker of our own beside a daemon's folder: the standalone simulator, with the KIS keys that it told us.

The market is that of `market`: every symbol breaks out on the first morning.
"""

import json
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.e2e.market import BREAKOUT_DAY, SYMBOLS
from tests.e2e.processes import Running, here
from tests.e2e.records import rows

SPEED = "30"  # much faster, and the wall's jitter breaks the broker's limit of one call a second
BEGINS_AT = "09:10"  # every symbol trades at the open and again some 13 minutes later: first seen at 09:13:30
JWT_SECRET = "for tests only " * 4


def simulator(prices: Path) -> list[str | Path]:
    """Return the command line of the broker."""
    return [
        *("simulator", "--speed", SPEED, "--prices", prices, "--config-dir", ROOT / "config"),
        *("--start", BREAKOUT_DAY.isoformat(), "--at", BEGINS_AT),
    ]


def keys_told(told: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that hold an account at the broker."""
    return {
        "PAPER_KIS_APP_KEY": told["app_key"],
        "PAPER_KIS_APP_SECRET": told["app_secret"],
        "PAPER_KIS_ACCOUNT_NO": told["account"],
        "PAPER_KIS_HTS_ID": told["hts_id"],
        "EXECUTION_JWT_SECRET": JWT_SECRET,
    }


class Broker:
    """The standalone simulator, asked through its own pages."""

    def __init__(self, process: Running) -> None:
        self.told: dict[str, str] = json.loads(process.until(lambda: process.said.strip(), "the simulator is ready"))

    def holdings(self) -> dict[str, int]:
        account = self._page("account")
        return {symbol: holding["quantity"] for symbol, holding in account["holdings"].items()}

    def orders(self) -> list[dict[str, Any]]:
        """Return the orders that were sent; a cancel is a row of its own at the broker and none of these."""
        found: list[dict[str, Any]] = self._page("orders")
        return [order for order in found if order["kind"] == "NEW"]

    def open_orders(self) -> set[tuple[str, int]]:
        return {(canonical(order["number"]), order["filled"]) for order in self.orders() if order["open"]}

    def variables(self) -> dict[str, str]:
        """Return what a daemon needs to trade here."""
        servers = {"KIS_REST_URL": self.told["rest_url"], "KIS_WS_URL": self.told["ws_url"]}
        return {**keys_told(self.told), **servers, "API_TIMEOUT": "60"}  # two seconds of ours on the broker's clock

    def now(self) -> datetime:
        return datetime.fromisoformat(self._page("clock")["now"])

    def _page(self, name: str) -> Any:
        with urllib.request.urlopen(f"{self.told['admin_url']}/{name}", timeout=5) as answer:
            return json.load(answer)


def canonical(order_no: str) -> str:
    return order_no.strip().lstrip("0")


class Town:
    """A broker and the daemon's folder beside it."""

    def __init__(self, home: Path, broker: Broker) -> None:
        self.home = home
        self.broker = broker
        self.database = home / "data" / "kis_trading.db"
        self.arguments: list[str | Path] = [
            *("--mode", "trade", "--sim-clock", "--symbols", ",".join(SYMBOLS)),
            *("--config-dir", ROOT / "config", "--data-dir", home / "data"),
        ]

    def command(self, *arguments: str) -> int:
        where = ("--config-dir", str(ROOT / "config"), "--data-dir", str(self.home / "data"))
        return here([*arguments, *where], self.home, self.broker.variables())

    def held(self) -> dict[str, int]:
        return dict(rows(self.database, "SELECT symbol, quantity FROM positions WHERE closed_at IS NULL"))

    def live(self) -> set[tuple[str, int]]:
        live = "status IN ('PENDING', 'UNCONFIRMED', 'SUBMITTED', 'PARTIAL')"
        return set(rows(self.database, f"SELECT order_no, filled_quantity FROM order_state WHERE {live}"))
