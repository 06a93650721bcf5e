"""The universe selector: which symbols are watched today (S3-U)."""

from __future__ import annotations

from datetime import date

from kis_daemon.domain.market import Symbol
from kis_daemon.domain.universe import EmptyUniverse, UniverseRules, select_fixed
from kis_daemon.ports import Severity
from kis_daemon.services.journal import Journal


class UniverseSelector:
    """Selects once a day and says what it chose and why."""

    def __init__(self, rules: UniverseRules, journal: Journal) -> None:
        self._rules = rules
        self._journal = journal

    def select(self, day: date) -> tuple[Symbol, ...]:
        """Return the symbols of `day` in their rank; empty (and told) where none is left."""
        try:
            chosen = select_fixed(self._rules.stocks, self._rules.max_stocks)
        except EmptyUniverse as error:
            self._journal.note(
                self._journal.fact("universe_empty", severity=Severity.ERROR, alerts=True, reason=str(error))
            )
            return ()
        self._journal.note(
            self._journal.fact(
                "universe_selected",
                day=day.isoformat(),
                selection_method=self._rules.selection_method.value,
                candidates=len(self._rules.stocks),
                chosen=len(chosen),
                symbols=",".join(chosen),
            )
        )
        return chosen
