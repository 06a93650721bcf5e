"""The chooser: one selection by the configured method, stage by stage, kept with its explanation.

    volume_top   pool → answered → safety → min_volume → the most traded `max_stocks`
    atr_filter   pool → answered → safety → min_volume → ATR % within its limits → the first `max_stocks` of the pool
    combined     pool → answered → safety → min_volume → the most traded `max_stocks` × 3 → ATR % → `max_stocks`

Rules of this room (S3-U02, U05, U15, U18, U19, U28, U29)
    Whoever would cost a question is asked only as long as the stages before let it through.
    Nobody is chosen whose state nobody told: the foremost are asked for one by one until enough may be bought.
    Nobody left is an error and never a smaller list of another kind.
"""

from __future__ import annotations

import structlog

from kis_daemon.domain.calendar import TradingCalendar, TradingDay
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.universe import (
    CandidatePool,
    NoCandidates,
    Selection,
    SelectionMethod,
    UniverseRules,
    fixed,
)
from kis_daemon.domain.universe_filters import (
    Candidate,
    Sieve,
    moves_wrong,
    thinly_traded,
    unanswered,
    unsafe,
)
from kis_daemon.ports import Clock
from kis_daemon.services.universe_files import UniverseFiles
from kis_daemon.services.universe_survey import UniverseSurvey

log = structlog.get_logger("universe")

_COMBINED_TIMES = 3


class UniverseChooser:
    """See the rules above."""

    def __init__(
        self,
        rules: UniverseRules,
        survey: UniverseSurvey,
        files: UniverseFiles,
        calendar: TradingCalendar,
        clock: Clock,
    ) -> None:
        self.rules = rules
        self.files = files
        self._survey = survey
        self._calendar = calendar
        self._clock = clock

    async def choose(self, day: TradingDay) -> Selection:
        """Return the symbols of `day` and keep them; `EmptyUniverse`, `NoCandidates` or a `BrokerError` else."""
        selection = await self._sifted(day) if self.rules.is_automatic else fixed(self.rules, day.date)
        self.files.keep(selection, self.rules, self._clock.now())
        return selection.required()

    async def _sifted(self, day: TradingDay) -> Selection:
        rules, survey = self.rules, self._survey
        last = self._calendar.previous_trading_day(day.date).date
        sieve = Sieve(await survey.pool(rules), rules)
        sieve.learn(await survey.prices(sieve.remaining, day))
        sieve.exclude("answered", unanswered)
        if not sieve.remaining:
            raise NoCandidates("the broker knows none of the candidates")
        sieve.exclude("safety", unsafe)
        if any(candidate.traded_value is None for candidate in sieve.remaining):
            sieve.learn(await survey.charts(sieve.remaining, last, rules.atr_period))
        sieve.exclude("min_volume", thinly_traded)
        if self._ranks:
            sieve.rank_by_traded_value()
        if self._most_traded is not None:
            sieve.take("volume_top", self._most_traded)
        if rules.selection_method is not SelectionMethod.VOLUME_TOP:
            sieve.learn(await survey.charts(sieve.remaining, last, rules.atr_period))
            sieve.exclude("atr", moves_wrong)
        if any(candidate.suspended is None for candidate in sieve.remaining):
            sieve.learn(await self._states(sieve.remaining))
            sieve.exclude("state", unanswered, unsafe)
        sieve.take("max_stocks", rules.max_stocks)
        selection = sieve.selection(day.date)
        for stage in selection.stages:
            log.info("universe_stage", stage=stage.name, before=stage.before, after=stage.after)
        return selection

    @property
    def _ranks(self) -> bool:
        """Whether what is traded most comes first; else the pool's own order counts."""
        method, pool = self.rules.selection_method, self.rules.candidate_pool_mode
        return method is not SelectionMethod.ATR_FILTER or pool is CandidatePool.VOLUME_TOP

    @property
    def _most_traded(self) -> int | None:
        """How many of the most traded are looked at for their ATR, None where all of them are, or none."""
        match self.rules.selection_method:
            case SelectionMethod.COMBINED:
                return self.rules.max_stocks * _COMBINED_TIMES
            case SelectionMethod.ATR_FILTER if self._ranks:
                return self.rules.volume_top_n
        return None

    async def _states(self, candidates: tuple[Candidate, ...]) -> dict[Symbol, Candidate]:
        """Return the foremost with their state, as many as are needed for a full universe."""
        found: dict[Symbol, Candidate] = {}
        fit = 0
        for one in candidates:
            if fit == self.rules.max_stocks:
                break
            known = found[one.symbol] = one if one.suspended is not None else await self._survey.state(one)
            fit += known.answered and unsafe(known, self.rules) is None
        return found
