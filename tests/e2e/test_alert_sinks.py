"""A Telegram that fails or hangs costs alerts and nothing else: the day is traded as it would have been without."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from kis_daemon.app import household
from kis_daemon.console.telegram import TelegramSink
from tests.conftest import ROOT
from tests.e2e.processes import here
from tests.e2e.records import events, log_lines, summary_of

TOKEN = "123456:for-tests-only"
CHAT = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "42"}
LONGEST_HANG_S = 5.0
DELIVERED = b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":42,"type":"private"},"text":"x"}}'
BROKEN = b'{"ok":false,"error_code":500,"description":"Internal Server Error"}'


class BotApi(ThreadingHTTPServer):
    """Stands where the Bot API stands: takes texts, and answers well, badly, or not at all."""

    daemon_threads = True

    def __init__(self, status: int | None) -> None:
        super().__init__(("127.0.0.1", 0), _Chat)
        self.status = status
        self.texts: list[str] = []
        self.over = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/bot"


class _Chat(BaseHTTPRequestHandler):
    server: BotApi

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.texts += parse_qs(body.decode()).get("text", [])
        if self.server.status is None:
            self.server.over.wait(LONGEST_HANG_S)
            return
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(DELIVERED if self.server.status == 200 else BROKEN)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def bot_api(status: int | None) -> Iterator[BotApi]:
    server = BotApi(status)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def a_day(home: Path) -> list[str | Path]:
    where = ("--config-dir", ROOT / "config", "--data-dir", home / "data", "--summary-json", home / "summary.json")
    return ["--mode", "trade", "--sim-days", "1", "--sim-speed", "0", *where]


@pytest.fixture(scope="module")
def quiet_day(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the summary of the day on which nobody listens."""
    home = tmp_path_factory.mktemp("quiet")
    assert here(a_day(home), home) == 0
    return summary_of(home / "summary.json")


def a_day_told(home: Path, server: BotApi, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Trade the day with `server` for Telegram; return its summary."""
    sink = partial(TelegramSink, base_url=server.base_url, timeout_s=0.2, patience_s=0.1, attempts=1)
    monkeypatch.setattr(household, "TelegramSink", sink)
    assert here(a_day(home), home, CHAT) == 0
    return summary_of(home / "summary.json")


def test_what_an_operator_is_told_changes_nothing_in_the_journal(
    quiet_day: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bot_api(200) as server:
        summary = a_day_told(tmp_path, server, monkeypatch)

    trade = summary["trades"][0]
    assert summary["journal_hash"] == quiet_day["journal_hash"]
    assert any(f"{trade['name']}({trade['symbol']})" in text for text in server.texts)


@pytest.mark.parametrize("status", [500, None], ids=["fails", "hangs"])
def test_a_telegram_in_trouble_costs_its_alerts_and_nothing_else(
    status: int | None, quiet_day: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bot_api(status) as server:
        summary = a_day_told(tmp_path, server, monkeypatch)

    same = ("symbol", "side", "price", "quantity", "reason")
    ours, theirs = ([[trade[name] for name in same] for trade in day["trades"]] for day in (summary, quiet_day))
    lost = [line for line in log_lines(tmp_path) if line["event"] == "alert_not_delivered"]
    assert ours == theirs != []
    assert (summary["cash"], summary["unexplained_cash"]) == (quiet_day["cash"], 0)
    assert len(lost) >= len(server.texts) - 1 > 0  # the last one may be cut off by the end
    assert events(tmp_path / "data" / "simulated.db")[-1][0] == "daemon_stopped"
    assert TOKEN not in (tmp_path / "logs" / "kis_daemon.jsonl").read_text("utf-8")
