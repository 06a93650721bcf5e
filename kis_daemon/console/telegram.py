"""The Telegram sink: one text to one chat. It and the inbox are the only modules that know python-telegram-bot.

Rules of this room
    The library is imported and the connection opened at the first alert: a daemon without Telegram pays nothing.
    The bot's token is part of every address it calls: the libraries below are kept from logging addresses, and no
    error leaves this room with the library's words in it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from kis_daemon.ports import Severity

if TYPE_CHECKING:
    from telegram import Bot
    from telegram.request import HTTPXRequest

BOT_API = "https://api.telegram.org/bot"
_LONGEST_TEXT = 4096  # Telegram Bot API, sendMessage
_LOGS_ADDRESSES = ("httpx", "httpcore", "telegram")


class NotDelivered(Exception):
    """The text did not reach Telegram; says why without the token."""


class TelegramSink:
    """Sends texts to one chat; waits and tries again when Telegram asks for patience or is not reached."""

    name = "telegram"

    def __init__(
        self,
        token: str,
        chat_id: str,
        level: Severity = Severity.INFO,
        *,
        base_url: str = BOT_API,
        timeout_s: float = 5.0,
        patience_s: float = 10.0,
        attempts: int = 3,
    ) -> None:
        self._token = token
        self._chat_id = chat_id
        self._level = level
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._attempts = attempts
        self._bot: Bot | None = None

    @property
    def level(self) -> Severity:
        return self._level

    async def send(self, text: str) -> None:
        """Deliver `text`, or raise `NotDelivered`."""
        from telegram.error import NetworkError, RetryAfter, TelegramError

        delays = self._delays_s()
        while True:
            try:
                bot = self._bot or self._connect()
                await bot.send_message(chat_id=self._chat_id, text=text[:_LONGEST_TEXT])
            except RetryAfter as error:
                asked = _seconds(error.retry_after)
                if next(delays, None) is None or asked > self._patience_s:
                    raise NotDelivered(f"Telegram asks to wait {asked:.0f} s") from None
                await asyncio.sleep(asked)
            except NetworkError as error:
                # BadRequest is a NetworkError to this library: asking again would not help
                delay = next(delays, None) if type(error).__name__ != "BadRequest" else None
                if delay is None:
                    raise NotDelivered(type(error).__name__) from None
                await asyncio.sleep(delay)
            except TelegramError as error:
                raise NotDelivered(type(error).__name__) from None
            else:
                return

    async def aclose(self) -> None:
        """Close the connections."""
        bot, self._bot = self._bot, None
        if bot is not None:
            await bot.request.shutdown()

    def _connect(self) -> Bot:
        from telegram import Bot

        request = a_request(self._timeout_s)
        self._bot = Bot(self._token, base_url=self._base_url, request=request, get_updates_request=request)
        return self._bot

    def _delays_s(self) -> Iterator[float]:
        """Yield the pauses before further attempts; none after the last."""
        for attempt in range(self._attempts - 1):
            yield 0.5 * 2**attempt


def a_request(timeout_s: float) -> HTTPXRequest:
    """Return one connection to Telegram whose every step may take `timeout_s`, and whose addresses nobody logs."""
    from telegram.request import HTTPXRequest

    os.environ.setdefault("PTB_TIMEDELTA", "true")  # else the library warns of its own old way of telling delays
    for name in _LOGS_ADDRESSES:
        logging.getLogger(name).setLevel(logging.WARNING)
    return HTTPXRequest(
        connection_pool_size=1,
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        write_timeout=timeout_s,
        pool_timeout=timeout_s,
    )


def _seconds(delay: int | float | timedelta) -> float:
    return delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
