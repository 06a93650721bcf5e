"""Asking KIS: questions that may be repeated, and are.

Rules of this room
    Each attempt takes its own budget slot. Up to three more attempts follow one that brought no answer or
    met the limit, after delays that double, with jitter from the `random.Random` that was handed in.
    A refused access token is replaced once.
    Who has a time limit of its own waits for slots no longer than that, over all attempts, and gets the last
    error then; an attempt that is under way is finished.
    Nothing here orders anything: what sends orders is commands.py, and never repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from kis_daemon.kis.access import Access
from kis_daemon.kis.budget import Priority
from kis_daemon.kis.transport import Transport
from kis_daemon.kis.wire import Body, Question
from kis_daemon.kis.wire_errors import AccessTokenRefused, read_answer
from kis_daemon.ports import BrokerUnreachable, NoSlotInTime, RateLimited


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

    async def ask(self, question: Question, priority: Priority, *, within_s: float | None = None) -> Body:
        """Return the successful answer, or raise the error of the last attempt.

        `NoSlotInTime` if no slot for a first attempt came free within `within_s` seconds.
        """
        ends = None if within_s is None else asyncio.get_running_loop().time() + within_s
        delays = self._delays()
        while True:
            try:
                return await self._ask_with_token(question, priority, ends)
            except NoSlotInTime:
                raise
            except (BrokerUnreachable, RateLimited) as error:
                delay_s = next(delays, None)
                if delay_s is None:
                    raise
                if isinstance(error, RateLimited):
                    delay_s = max(delay_s, error.retry_after_s)
                if ends is not None and asyncio.get_running_loop().time() + delay_s > ends:
                    raise
            await asyncio.sleep(delay_s)

    def _delays(self) -> Iterator[float]:
        """Yield how long to wait before each further attempt."""
        for attempt in range(self._rule.retries):
            yield self._rule.delay_s * 2.0**attempt * (1 + self._random.random() / 2)

    async def _ask_with_token(self, question: Question, priority: Priority, ends: float | None) -> Body:
        try:
            return await self._ask_once(question, priority, ends)
        except AccessTokenRefused:
            return await self._ask_once(question, priority, ends)

    async def _ask_once(self, question: Question, priority: Priority, ends: float | None) -> Body:
        within_s = None if ends is None else ends - asyncio.get_running_loop().time()
        async with self._access.admit(priority, tr_id=question.tr_id, within_s=within_s) as admission:
            headers = self._access.headers(admission.token, question.tr_id, continued=question.continued)
            answer = await self._transport.get(question.path, question.params, headers, admission.slot)
        with self._access.heeding(admission.token, answer.status):
            return read_answer(answer)
