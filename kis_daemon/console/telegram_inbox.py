"""The Telegram inbox: messages to our bot, one after the other, as long as the daemon lives.

Rules of this room (C17)
    Long polling in a connection of its own. Nothing that Telegram does, or does not, ends more than one attempt: the
    broad `except` of this loop lives here, and the next attempt waits longer.
    What was sent while nobody listened (before the start, or during a minute of silence) is marked so: who acts on it
    decides by that.
    The bot's token stands in every address: no error leaves this room with the library's words in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import structlog

from kis_daemon.console.telegram import BOT_API, TelegramSink

if TYPE_CHECKING:
    from telegram import Bot, Update

log = structlog.get_logger("telegram")

_POLL_S = 25  # how long Telegram holds a question open
_ANSWER_S = 10.0  # and how much longer the network may take
_SILENCE_S = 60.0  # after that nobody knows what was meant for now
_LONGEST_PAUSE_S = 60.0
_MOST_AT_ONCE = 100  # Telegram Bot API, getUpdates


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A text from a chat. `is_late`: it was sent while nobody listened."""

    chat_id: str
    sender: str
    text: str
    is_late: bool


Hear: TypeAlias = Callable[[Message], Awaitable[str]]
"""Takes a message and returns the answer, "" for none."""


class TelegramInbox:
    """Reads messages with `hear` until cancelled, and sends its answers through `sink`."""

    def __init__(
        self,
        token: str,
        sink: TelegramSink,
        hear: Hear,
        *,
        base_url: str = BOT_API,
        poll_s: int = _POLL_S,
        first_pause_s: float = 1.0,
    ) -> None:
        self._token = token
        self._sink = sink
        self._hear = hear
        self._base_url = base_url
        self._poll_s = poll_s
        self._first_pause_s = first_pause_s
        self._bot: Bot | None = None
        self._next = 0
        self._heard_at: float | None = None

    async def run(self) -> None:
        """Listen until cancelled."""
        pauses = self._pauses_s()
        try:
            while True:
                try:
                    updates = await self._ask()
                    pauses = self._pauses_s()
                    for update in updates:
                        await self._take(update, is_late=self._was_silent())
                    if len(updates) < _MOST_AT_ONCE:  # else more of the same time is waiting
                        self._heard_at = asyncio.get_running_loop().time()
                except Exception as error:
                    log.warning("telegram_not_heard", error=type(error).__name__)
                    await asyncio.sleep(next(pauses))
        finally:
            await self._close()

    async def _ask(self) -> Sequence[Update]:
        bot = self._bot or self._connect()
        wait_s = self._poll_s if self._heard_at is not None else 0
        async with asyncio.timeout(wait_s + _ANSWER_S):
            return await bot.get_updates(offset=self._next, timeout=wait_s, allowed_updates=["message"])

    async def _take(self, update: Update, *, is_late: bool) -> None:
        self._next = max(self._next, update.update_id + 1)  # before anything is done: a command is done once
        message = update.message
        if message is None or not message.text:
            return
        user = message.from_user
        name = "" if user is None else (user.username or user.full_name or str(user.id))
        chat_id = str(message.chat.id)
        heard = Message(chat_id=chat_id, sender=f"telegram:{name or chat_id}", text=message.text, is_late=is_late)
        answer = await self._hear(heard)
        if answer:
            with suppress(TimeoutError):
                async with asyncio.timeout(_ANSWER_S):
                    await self._sink.send(answer)

    def _was_silent(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._heard_at is None or now - self._heard_at > self._poll_s + _SILENCE_S

    def _connect(self) -> Bot:
        from telegram import Bot

        from kis_daemon.console.telegram import a_request

        request = a_request(self._poll_s + _ANSWER_S)
        self._bot = Bot(self._token, base_url=self._base_url, request=request, get_updates_request=request)
        return self._bot

    async def _close(self) -> None:
        bot, self._bot = self._bot, None
        if bot is not None:
            await bot.request.shutdown()
        await self._sink.aclose()

    def _pauses_s(self) -> Iterator[float]:
        """Yield the waits between attempts that failed: doubled, up to a minute."""
        pause = self._first_pause_s
        while True:
            yield pause
            pause = min(pause * 2, _LONGEST_PAUSE_S)
