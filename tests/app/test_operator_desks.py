"""Who listens to the operator while a daemon lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from kis_daemon.app.files import load_calendar
from kis_daemon.app.household import Household
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import Settings, TelegramAccess
from kis_daemon.virtual_loop import VirtualLoop
from tests.conftest import ROOT

TELEGRAM = TelegramAccess(token=SecretStr("12345:not-a-real-token"), chat_id="99")


@pytest.mark.parametrize(
    ("telegram", "loop", "listens"),
    [
        (TELEGRAM, asyncio.new_event_loop, True),
        (None, asyncio.new_event_loop, False),
        (TELEGRAM, VirtualLoop, False),  # a chat lives on the wall's time
    ],
)
def test_telegram_is_heard_where_it_is_configured_and_time_is_the_walls(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    telegram: TelegramAccess | None,
    loop: Callable[[], asyncio.AbstractEventLoop],
    listens: bool,
) -> None:
    monkeypatch.setattr("kis_daemon.app.household.http_server", lambda *_: None)
    settings = Settings(telegram=telegram, data_dir=tmp_path)
    household = Household(settings, RunOptions(), load_calendar(ROOT / "config"))
    part = SimpleNamespace(operations=None, gate=None)
    house: Any = SimpleNamespace(operator=part, control=part, journal=None, clock=None, desks=None)

    async def names() -> list[str]:
        return list(household._desks(house, house))

    with asyncio.Runner(loop_factory=loop) as runner:
        assert ("telegram" in runner.run(names())) is listens
