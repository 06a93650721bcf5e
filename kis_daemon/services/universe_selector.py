"""The universe selector: which symbols are watched today, what the cache said, and what stands in when nobody answers.

Rules of this room (S3-U01, U02, U21..U26, U28; S3-X04, X09)
    Before the open the day's symbols are selected anew and kept. From then on today's cache is used again; another
    method or other rules select anew; no cache of today leaves the fallback, for a selection in mid-session would not
    be the morning's. After the close nobody is asked any more for that day.
    A method that fails falls back to the listed symbols, where the configuration allows it: a person is told, and with
    real money there is a pause to look, or no entry at all (`halt_on_fallback_in_real`).
    Filters that leave nobody are no failure: then there is nothing to buy today.
    Whatever happens here closes entries at most. What is held is watched and sold by others.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.universe import EmptyUniverse, NoCandidates, Selection, UniverseRules, fixed
from kis_daemon.ports import BrokerError, Clock, Severity
from kis_daemon.services.journal import Journal
from kis_daemon.services.universe_chooser import UniverseChooser
from kis_daemon.services.universe_files import Miss

log = structlog.get_logger("universe")

_SELECTS_ANEW = (Miss.METHOD_CHANGED, Miss.RULES_CHANGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackTerms:
    """What a fallback to the listed symbols means: entries stay closed, or a pause before they are taken."""

    halts: bool = False
    pause_s: float = 0.0


class UniverseSelector:
    """See the rules above."""

    def __init__(self, chooser: UniverseChooser, journal: Journal, clock: Clock, terms: FallbackTerms) -> None:
        self._chooser = chooser
        self._journal = journal
        self._clock = clock
        self._terms = terms

    @property
    def _rules(self) -> UniverseRules:
        return self._chooser.rules

    async def select(self, day: TradingDay) -> tuple[Symbol, ...]:
        """Return the symbols of `day` in their rank; empty (and told) where none may be bought."""
        now = self._clock.now()
        cached = self._chooser.files.cached(day.date, self._rules) if now >= day.opens_at else Miss.OFF_SESSION
        self._tell_cache(day, cached)
        if not isinstance(cached, Miss):
            if not cached:
                return self._none("universe_empty", "nobody passed today's selection")
            return self._selected(Selection(day=day.date, method=self._rules.selection_method, symbols=cached), "cache")
        if self._rules.is_automatic and now > day.closes_at:
            return ()  # nothing is bought any more on that day, and its last hours are not for asking
        if self._rules.is_automatic and cached is not Miss.OFF_SESSION and cached not in _SELECTS_ANEW:
            return await self._fall_back(day, f"in session without a universe of today ({cached.value})")
        try:
            return self._selected(await self._chooser.choose(day), "selected")
        except (BrokerError, NoCandidates) as error:
            return await self._fall_back(day, str(error))
        except EmptyUniverse as error:
            return self._none("universe_empty", str(error))

    async def _fall_back(self, day: TradingDay, reason: str) -> tuple[Symbol, ...]:
        """Return the listed symbols in place of a selection; they are not kept, so that a start tries again."""
        if not self._rules.fallback_to_fixed:
            return self._none("universe_failed", reason)
        if self._terms.halts:
            return self._none("universe_halted", reason)
        try:
            selection = fixed(self._rules, day.date)
        except EmptyUniverse:
            return self._none("universe_failed", reason)
        method = self._rules.selection_method.value
        await self._journal.write(
            self._journal.fact(
                "universe_fallback",
                severity=Severity.WARNING,
                alerts=True,
                selection_method=method,
                reason=reason,
                chosen=len(selection.symbols),
                pause_s=self._terms.pause_s,
            )
        )
        await asyncio.sleep(self._terms.pause_s)
        return self._selected(selection, "fallback")

    def _none(self, event: str, reason: str) -> tuple[Symbol, ...]:
        self._journal.note(self._journal.fact(event, severity=Severity.ERROR, alerts=True, reason=reason))
        return ()

    def _selected(self, selection: Selection, source: str) -> tuple[Symbol, ...]:
        stages = selection.stages
        self._journal.note(
            self._journal.fact(
                "universe_selected",
                day=selection.day.isoformat(),
                selection_method=selection.method.value,
                source=source,
                candidates=stages[0].before if stages else len(selection.symbols),
                stages=" ".join(f"{stage.name}={stage.after}" for stage in stages),
                chosen=len(selection.symbols),
                symbols=",".join(selection.symbols),
            )
        )
        return selection.symbols

    def _tell_cache(self, day: TradingDay, cached: tuple[Symbol, ...] | Miss) -> None:
        """Log whether the cache was taken, why (not), and where it stands (S3-U23)."""
        missed = isinstance(cached, Miss)
        log.info(
            "universe_cache_miss" if missed else "universe_cache_hit",
            reason=cached.value if isinstance(cached, Miss) else "same_day",
            cache_key=f"{day.date.isoformat()}|{self._rules.selection_method.value}|{self._rules.fingerprint}",
            cache_file=self._chooser.files.cache_file,
        )
