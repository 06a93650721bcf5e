"""The Telegram sink against a server of this process that answers as the Bot API does."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from kis_daemon.console.telegram import NotDelivered, TelegramSink

TOKEN = "12345:not-a-real-token"
SENT = {"ok": True, "result": {"message_id": 1, "date": 0, "chat": {"id": 99, "type": "private"}}}


class BotApi:
    """Answers `sendMessage` with what stands in `answers`, then with success."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, object]]] = []
        self.received: list[dict[str, str]] = []
        self.base_url = ""

    async def handle(self, request: web.Request) -> web.Response:
        assert request.path == f"/bot{TOKEN}/sendMessage"
        self.received.append({name: str(value) for name, value in (await request.post()).items()})
        status, answer = self.answers.pop(0) if self.answers else (200, SENT)
        return web.Response(status=status, text=json.dumps(answer), content_type="application/json")


@pytest.fixture
async def bot_api() -> AsyncIterator[BotApi]:
    api = BotApi()
    app = web.Application()
    app.router.add_post("/{path:.*}", api.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/bot"
    yield api
    await runner.cleanup()


@pytest.fixture
async def sink(bot_api: BotApi) -> AsyncIterator[TelegramSink]:
    made = TelegramSink(TOKEN, "99", base_url=bot_api.base_url, timeout_s=2)
    yield made
    await made.aclose()


async def test_a_text_arrives_in_its_chat(bot_api: BotApi, sink: TelegramSink) -> None:
    await sink.send("체결: 삼성전자(005930)")

    assert bot_api.received == [{"chat_id": "99", "text": "체결: 삼성전자(005930)"}]


async def test_a_text_that_is_too_long_is_cut(bot_api: BotApi, sink: TelegramSink) -> None:
    await sink.send("x" * 5000)

    assert len(bot_api.received[0]["text"]) == 4096


async def test_telegrams_wish_for_patience_is_followed(bot_api: BotApi, sink: TelegramSink) -> None:
    flood = {"ok": False, "error_code": 429, "description": "flood", "parameters": {"retry_after": 0}}
    bot_api.answers = [(429, flood)]

    await sink.send("hello")

    assert len(bot_api.received) == 2


async def test_a_wish_for_too_much_patience_loses_the_text(bot_api: BotApi, sink: TelegramSink) -> None:
    flood = {"ok": False, "error_code": 429, "description": "flood", "parameters": {"retry_after": 3600}}
    bot_api.answers = [(429, flood)]

    with pytest.raises(NotDelivered, match="3600"):
        await sink.send("hello")

    assert len(bot_api.received) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refusal_is_not_tried_again_and_tells_no_token(
    status: int, bot_api: BotApi, sink: TelegramSink
) -> None:
    bot_api.answers = [(status, {"ok": False, "error_code": status, "description": f"about {TOKEN}"})]

    with pytest.raises(NotDelivered) as caught:
        await sink.send("hello")

    assert len(bot_api.received) == 1
    assert "token" not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_an_unreachable_telegram_is_tried_again_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def no_pause(delay_s: float) -> None:
        pauses.append(delay_s)

    monkeypatch.setattr("kis_daemon.console.telegram.asyncio.sleep", no_pause)
    nobody = TelegramSink(TOKEN, "99", base_url="http://127.0.0.1:9/bot", timeout_s=2)

    with pytest.raises(NotDelivered, match="NetworkError"):
        await nobody.send("hello")
    await nobody.aclose()

    assert [pause for pause in pauses if pause >= 0.5] == [0.5, 1.0]


async def test_the_token_is_never_logged(bot_api: BotApi, sink: TelegramSink, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await sink.send("hello")

    assert len(bot_api.received) == 1
    assert "not-a-real-token" not in caplog.text


async def test_a_sink_that_was_never_used_closes(bot_api: BotApi) -> None:
    async with asyncio.timeout(1):
        await TelegramSink(TOKEN, "99", base_url=bot_api.base_url).aclose()
