"""Looking at many symbols with few questions, behind the `MarketSurvey` port.

Rules of this room (S3-U07, U14)
    Where KIS tells thirty symbols a call, that is asked; else each symbol by itself, in the slots of the budget: it is
    the pause between the calls. Nobody waits longer than these: they are asked with the least priority.
    A symbol that cannot be read costs no other one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeAlias

from kis_daemon.domain.market import Market, Symbol
from kis_daemon.kis.budget import Priority
from kis_daemon.kis.capabilities import KisProfile, Purpose, is_offered
from kis_daemon.kis.questions import Questions
from kis_daemon.kis.wire_market import ask_price
from kis_daemon.kis.wire_quotes import SYMBOLS_A_CALL, ask_multi_price
from kis_daemon.kis.wire_survey import read_surveyed, read_surveyed_one
from kis_daemon.ports import ProtocolError, Ranked, Ranking, Surveyed, SymbolBlocked

AskRanking: TypeAlias = Callable[[Ranking, Market | None], Awaitable[tuple[Ranked, ...]]]

_RANKINGS = (
    (Ranking.TRADED_VALUE, Market.KOSPI),
    (Ranking.TRADED_VALUE, Market.KOSDAQ),
    (Ranking.MARKET_VALUE, None),
)
"""Thirty symbols each: with the seven calls that look at two hundred, these three stay within ten."""


class KisSurvey:
    """See the rules above."""

    def __init__(self, questions: Questions, profile: KisProfile, ranking: AskRanking) -> None:
        self._questions = questions
        self._profile = profile
        self._ranking = ranking

    async def survey(self, symbols: Sequence[Symbol]) -> AsyncIterator[tuple[Surveyed, ...]]:
        """Yield what is known of `symbols`, answer by answer; unknown ones are left out."""
        wanted = list(dict.fromkeys(symbols))
        if not is_offered(Purpose.MULTI_PRICE, self._profile):
            for symbol in wanted:
                yield await self._one(symbol)
            return
        for start in range(0, len(wanted), SYMBOLS_A_CALL):
            part = wanted[start : start + SYMBOLS_A_CALL]
            body = await self._questions.ask(ask_multi_price(part, self._profile), Priority.HISTORY)
            yield read_surveyed(body, part)

    async def _one(self, symbol: Symbol) -> tuple[Surveyed, ...]:
        body = await self._questions.ask(ask_price(symbol, self._profile), Priority.HISTORY)
        try:
            return (read_surveyed_one(body, symbol),)
        except (SymbolBlocked, ProtocolError):
            return ()

    async def foremost(self) -> tuple[Symbol, ...]:
        """Return the symbols of the rankings, by traded value first; `NotOnThisVenue` on paper."""
        found: list[Ranked] = []
        for by, market in _RANKINGS:
            found += await self._ranking(by, market)
        found.sort(key=lambda ranked: -ranked.traded_value)  # stable: those without a value stay in their order
        return tuple(dict.fromkeys(ranked.symbol for ranked in found))
