"""The survey: who the candidates of a day are, and what is known of them. It asks; `domain/universe_filters` judges.

Rules of this room (S3-U06..U08, U14, U15)
    What the exchange's list tells costs no question. What was measured today is not asked again.
    A chart is one page: enough days for the longest ATR, few enough for one answer.
    A symbol without an answer goes; a broker without an answer ends the selection with its error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeAlias

import structlog

from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.universe import CandidatePool, NoCandidates, UniverseRules
from kis_daemon.domain.universe_filters import Candidate, with_chart
from kis_daemon.ports import (
    Clock,
    Directory,
    Issue,
    MarketData,
    MarketSurvey,
    NotOnThisVenue,
    ProtocolError,
    Surveyed,
    SymbolBlocked,
)
from kis_daemon.services.universe_measures import Measures

log = structlog.get_logger("universe")

Told: TypeAlias = Callable[[str, int, int], None]
"""Hears what is being asked for, how many of it are done, and how many there are."""

_CHART_DAYS = 130  # less than ninety trading days: one page of a hundred


class UniverseSurvey:
    """See the rules above."""

    def __init__(
        self,
        *,
        survey: MarketSurvey,
        market_data: MarketData,
        directory: Directory,
        measures: Measures,
        clock: Clock,
        told: Told,
    ) -> None:
        self._survey = survey
        self._market_data = market_data
        self._directory = directory
        self._measures = measures
        self._clock = clock
        self.told = told

    async def pool(self, rules: UniverseRules) -> tuple[Candidate, ...]:
        """Return the candidates in the order of their pool; `NoCandidates` where nobody knows any."""
        issues = {issue.symbol: issue for issue in await self._directory.issues()}
        match rules.candidate_pool_mode:
            case CandidatePool.YAML:
                symbols: Sequence[Symbol] = rules.named
            case CandidatePool.KOSPI200:
                members = (issue for issue in issues.values() if issue.in_kospi200)
                symbols = [issue.symbol for issue in sorted(members, key=_by_market_cap)]
            case CandidatePool.MARKET | CandidatePool.VOLUME_TOP:
                symbols = (await self._market(issues.values()))[: rules.market_scan_size]
        if not symbols:
            raise NoCandidates(f"the pool {rules.candidate_pool_mode.value} is empty")
        return tuple(_candidate(symbol, issues.get(symbol)) for symbol in dict.fromkeys(symbols))

    async def _market(self, issues: Iterable[Issue]) -> Sequence[Symbol]:
        """Return the market's ordinary shares, what was traded most first; without a list the rankings stand in."""
        common = [issue for issue in issues if issue.is_common]
        if common:
            return [issue.symbol for issue in sorted(common, key=lambda issue: (-issue.traded_value, issue.symbol))]
        try:
            return await self._survey.foremost()
        except NotOnThisVenue:
            raise NoCandidates("no list of the exchange is there, and this venue has no rankings") from None

    async def prices(self, candidates: Sequence[Candidate], day: TradingDay) -> dict[Symbol, Candidate]:
        """Return the candidates with price, open and state as the broker tells them; unknown ones as unanswered."""
        measures = self._measures
        measures.open(day.date)
        now = self._clock.now()
        wanted = [one.symbol for one in candidates if measures.price(one.symbol, day, now) is None]
        done = len(candidates) - len(wanted)
        asked: dict[Symbol, Surveyed] = {}
        try:
            async for answer in self._survey.survey(wanted):
                for surveyed in answer:
                    asked[surveyed.symbol] = surveyed
                    measures.keep_price(surveyed, self._clock.now())
                self.told("prices", done + len(asked), len(candidates))
        finally:
            measures.save()
        return {
            one.symbol: _seen(one, asked.get(one.symbol) or measures.price(one.symbol, day, now)) for one in candidates
        }

    async def charts(self, candidates: Sequence[Candidate], last: date, atr_period: int) -> dict[Symbol, Candidate]:
        """Return the candidates with what their completed bars up to `last` say, where there are such."""
        measures, found = self._measures, dict[Symbol, Candidate]()
        try:
            for done, one in enumerate(candidates, start=1):
                bars = measures.chart(one.symbol, last)
                if bars is None:
                    try:
                        chart = await self._market_data.chart(one.symbol, last - timedelta(days=_CHART_DAYS), last)
                    except (SymbolBlocked, ProtocolError) as error:
                        log.warning("universe_chart_failed", symbol=one.symbol, code=error.code, reason=str(error))
                        continue
                    bars = chart.bars
                    measures.keep_chart(one.symbol, last, bars)
                    one = replace(one, name=one.name or chart.name)
                    self.told("charts", done, len(candidates))
                found[one.symbol] = with_chart(one, bars, last, atr_period)
        finally:
            measures.save()
        return found

    async def state(self, candidate: Candidate) -> Candidate:
        """Return the candidate with whether it may be bought, from a question of its own."""
        try:
            listing = (await self._market_data.snapshot(candidate.symbol)).listing
        except (SymbolBlocked, ProtocolError):
            return replace(candidate, answered=False)
        known = replace(
            candidate,
            suspended=listing.suspended or listing.in_liquidation,
            under_administration=listing.under_administration,
        )
        surveyed = Surveyed(
            symbol=known.symbol,
            name=known.name,
            price=known.price or 0,
            open=known.open or 0,
            market_cap=known.market_cap,
            suspended=known.suspended,
            under_administration=known.under_administration,
        )
        self._measures.keep_price(surveyed, self._clock.now())
        self._measures.save()
        return known


def _by_market_cap(issue: Issue) -> tuple[int, str]:
    return -(issue.market_cap or 0), issue.symbol


def _candidate(symbol: Symbol, issue: Issue | None) -> Candidate:
    if issue is None:
        return Candidate(symbol=symbol)
    return Candidate(
        symbol=symbol,
        name=issue.name,
        suspended=issue.suspended,
        under_administration=issue.under_administration,
        market_cap=issue.market_cap,
        traded_value=issue.traded_value,
    )


def _seen(candidate: Candidate, told: Surveyed | None) -> Candidate:
    """Return the candidate as the broker tells it now; what the answer leaves out stays as the list has it.

    Suspended or under administration is what either of the two calls so.
    """
    if told is None:
        return replace(candidate, answered=False)
    return replace(
        candidate,
        name=candidate.name or told.name,
        price=told.price,
        open=told.open,
        market_cap=candidate.market_cap if told.market_cap is None else told.market_cap,
        suspended=_either(candidate.suspended, told.suspended),
        under_administration=_either(candidate.under_administration, told.under_administration),
    )


def _either(one: bool | None, other: bool | None) -> bool | None:
    return other if one is None else one or bool(other)
