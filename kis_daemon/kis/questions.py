"""Asking KIS: questions that may be repeated, and are.

Rules of this room
    Each attempt takes its own budget slot. Up to three more attempts follow one that brought no answer or
    met the limit, after delays that double, with jitter from the `random.Random` that was handed in.
    A refused access token is replaced once.
    Nothing here orders anything: what sends orders is commands.py, and never repeats.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from kis_daemon.kis.access import Access
from kis_daemon.kis.budget import Priority
from kis_daemon.kis.transport import Transport
from kis_daemon.kis.wire import Body, Question
from kis_daemon.kis.wire_errors import AccessTokenRefused, read_answer
from kis_daemon.ports import BrokerUnreachable, RateLimited


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """How often a question is repeated (S3-N01): after `delay_s`, doubled each time, and up to half more."""

    retries: int = 3
    delay_s: float = 0.5


class Questions:
    """See the rules above."""

    def __init__(self, transport: Transport, access: Access, rule: RetryRule, random: Random) -> None:
        self._transport = transport
        self._access = access
        self._rule = rule
        self._random = random

    async def ask(self, question: Question, priority: Priority) -> Body:
        """Return the successful answer, or raise the error of the last attempt."""
        repeated = AsyncRetrying(
            sleep=asyncio.sleep,
            stop=stop_after_attempt(1 + self._rule.retries),
            wait=self._delay,
            retry=retry_if_exception_type((BrokerUnreachable, RateLimited)),
            reraise=True,
        )
        return await repeated(self._ask_with_token, question, priority)

    def _delay(self, state: RetryCallState) -> float:
        doubled = self._rule.delay_s * float(2 ** (state.attempt_number - 1))
        delay = doubled * (1 + self._random.random() / 2)
        error = state.outcome.exception() if state.outcome is not None else None
        return max(delay, error.retry_after_s) if isinstance(error, RateLimited) else delay

    async def _ask_with_token(self, question: Question, priority: Priority) -> Body:
        try:
            return await self._ask_once(question, priority)
        except AccessTokenRefused:
            return await self._ask_once(question, priority)

    async def _ask_once(self, question: Question, priority: Priority) -> Body:
        token = await self._access.admit(priority)
        headers = self._access.headers(token, question.tr_id, continued=question.continued)
        answer = await self._transport.get(question.path, question.params, headers)
        with self._access.heeding(token):
            return read_answer(answer)
