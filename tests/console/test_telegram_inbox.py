"""The Telegram inbox against a server of this process that answers as the Bot API does."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from aiohttp import web

from kis_daemon.console.telegram import TelegramSink
from kis_daemon.console.telegram_inbox import Message, TelegramInbox

TOKEN = "12345:not-a-real-token"
SENT = {"message_id": 1, "date": 0, "chat": {"id": 99, "type": "private"}}


class BotApi:
    """Hands out what stands in `updates` from the offset that is asked for; keeps what is sent."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.sent: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.troubles: list[Callable[[], web.Response]] = []
        self.base_url = ""

    def write(self, text: str, chat_id: int = 99, **changes: Any) -> None:
        user = {"id": 7, "is_bot": False, "first_name": "Kim", "username": "kim"}
        chat = {"id": chat_id, "type": "private"}
        message = {"message_id": 1, "date": 0, "chat": chat, "from": user, "text": text} | changes
        self.updates.append({"update_id": len(self.updates) + 10, "message": message})

    async def handle(self, request: web.Request) -> web.Response:
        given = {name: str(value) for name, value in (await request.post()).items()}
        if request.path.endswith("/sendMessage"):
            self.sent.append(given["text"])
            return _answer(SENT)
        self.asked.append(given)
        if self.troubles:
            return self.troubles.pop(0)()
        offset = int(given.get("offset", "0"))
        waiting = [update for update in self.updates if update["update_id"] >= offset]
        if not waiting:
            await asyncio.sleep(0.01)
        return _answer(waiting)


def _answer(result: object) -> web.Response:
    return web.Response(text=json.dumps({"ok": True, "result": result}), content_type="application/json")


def _refusal(status: int) -> web.Response:
    text = json.dumps({"ok": False, "error_code": status, "description": f"about {TOKEN}"})
    return web.Response(status=status, text=text, content_type="application/json")


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


class Ear:
    """Takes down what is heard and answers with its text."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.fails = False

    async def hear(self, message: Message) -> str:
        self.heard.append(message)
        if self.fails:
            self.fails = False
            raise RuntimeError("a bug")
        return f"heard {message.text}"


@asynccontextmanager
async def listening(api: BotApi, ear: Ear) -> AsyncIterator[asyncio.Task[None]]:
    sink = TelegramSink(TOKEN, "99", base_url=api.base_url, timeout_s=2)
    inbox = TelegramInbox(TOKEN, sink, ear.hear, base_url=api.base_url, poll_s=0, first_pause_s=0.01)
    task = asyncio.create_task(inbox.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in the peer
            await asyncio.sleep(0.005)


async def test_a_command_is_heard_once_and_answered(bot_api: BotApi) -> None:
    ear = Ear()
    async with listening(bot_api, ear):
        await until(lambda: len(bot_api.asked) >= 2)
        bot_api.write("/status")
        await until(lambda: bool(bot_api.sent))
        await until(lambda: len(bot_api.asked) >= 6)

    assert ear.heard == [Message(chat_id="99", sender="telegram:kim", text="/status", is_late=False)]
    assert bot_api.sent == ["heard /status"]


async def test_what_was_sent_before_the_start_is_late(bot_api: BotApi) -> None:
    ear = Ear()
    bot_api.write("/release ABC123 yesterday")
    async with listening(bot_api, ear):
        await until(lambda: bool(ear.heard))
        bot_api.write("/status")
        await until(lambda: len(ear.heard) == 2)

    assert [message.is_late for message in ear.heard] == [True, False]


async def test_a_chat_that_is_not_ours_is_handed_on_with_its_number(bot_api: BotApi) -> None:
    ear = Ear()
    async with listening(bot_api, ear):
        bot_api.write("/kill", chat_id=666)
        await until(lambda: bool(ear.heard))

    assert ear.heard[0].chat_id == "666"


async def test_what_is_no_text_is_passed_over(bot_api: BotApi) -> None:
    ear = Ear()
    bot_api.write("")
    bot_api.updates.append({"update_id": 11})
    bot_api.write("/status")
    async with listening(bot_api, ear):
        await until(lambda: bool(ear.heard))

    assert [message.text for message in ear.heard] == ["/status"]


@pytest.mark.parametrize(
    "trouble",
    [
        lambda: _refusal(401),
        lambda: _refusal(409),
        lambda: _refusal(500),
        lambda: web.Response(text="<html>not a bot</html>"),
        lambda: web.Response(text='{"ok": true, "result": [{"message": 1}]}', content_type="application/json"),
        lambda: web.Response(text='{"ok": true, "result": 7}', content_type="application/json"),
    ],
)
async def test_no_trouble_of_telegrams_ends_the_listening_or_tells_the_token(
    trouble: Callable[[], web.Response], bot_api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear()
    bot_api.troubles = [trouble, trouble]
    bot_api.write("/status")

    with structlog.testing.capture_logs() as logged, caplog.at_level(logging.INFO):
        async with listening(bot_api, ear) as task:
            await until(lambda: bool(ear.heard))
            assert not task.done()

    assert "not-a-real-token" not in repr(logged) + caplog.text
    assert [line["event"] for line in logged] == ["telegram_not_heard"] * 2


async def test_an_error_of_ours_does_not_end_the_listening_and_does_the_command_no_second_time(bot_api: BotApi) -> None:
    ear = Ear()
    ear.fails = True
    bot_api.write("/kill")
    async with listening(bot_api, ear) as task:
        await until(lambda: bool(ear.heard))
        bot_api.write("/status")
        await until(lambda: len(ear.heard) == 2)
        assert not task.done()

    assert [message.text for message in ear.heard] == ["/kill", "/status"]


async def test_a_telegram_that_nobody_reaches_is_asked_again_ever_more_slowly() -> None:
    sink = TelegramSink(TOKEN, "99", base_url="http://127.0.0.1:9/bot", timeout_s=2)
    inbox = TelegramInbox(TOKEN, sink, Ear().hear, base_url="http://127.0.0.1:9/bot", poll_s=0, first_pause_s=0.01)
    with structlog.testing.capture_logs() as logged:
        task = asyncio.create_task(inbox.run())
        await until(lambda: len(logged) >= 3)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    pauses = inbox._pauses_s()
    assert [next(pauses) for _ in range(14)][-1] == 60.0
