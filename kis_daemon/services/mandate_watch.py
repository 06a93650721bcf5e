"""The mandate's watch: a person hears in time that a mandate ends, and that nothing is bought without one.

Rules of this room (C28)
    A mandate never renews itself: it is a person's word, and its end makes the person think again. It is told 30, 7
    and 1 days before, and when it has ended; each once a run. Of several the one that lasts longest is watched.
    Exits have mandates of their own, without an end.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from kis_daemon.domain.approvals import Mandate
from kis_daemon.ports import Clock, Rows, Severity
from kis_daemon.services.journal import Journal

_TOLD_BEFORE = (1, 7, 30)  # days, the nearest first


class MandateWatch:
    """See the rules above."""

    def __init__(
        self,
        mandate: Mandate,
        journal: Journal,
        clock: Clock,
        in_force: Callable[[], tuple[Mandate, ...]] = lambda: (),
    ) -> None:
        self._mandate = mandate
        self._in_force = in_force
        self._journal = journal
        self._clock = clock
        self._told = _TOLD_BEFORE[-1] + 1

    def begin(self) -> None:
        """Nothing of it is in the records."""

    def read(self, rows: Rows) -> None:
        """Nothing of it is in the records."""

    def look(self) -> None:
        """Tell what was not told yet."""
        last = max(self._in_force(), key=lambda mandate: mandate.expires_at, default=self._mandate)
        if last.mandate_id != self._mandate.mandate_id:
            self._mandate, self._told = last, _TOLD_BEFORE[-1] + 1
        left = self._mandate.expires_at - self._clock.now()
        reached = 0 if left <= timedelta(0) else next((n for n in _TOLD_BEFORE if left <= timedelta(days=n)), None)
        if reached is None or reached >= self._told:
            return
        self._told = reached
        told = {"mandate": self._mandate.mandate_id, "expires_at": f"{self._mandate.expires_at:%Y-%m-%d %H:%M}"}
        fact = (
            self._journal.fact("mandate_ends", severity=Severity.WARNING, alerts=True, days=reached, **told)
            if reached
            else self._journal.fact("mandate_ended", severity=Severity.ERROR, alerts=True, **told)
        )
        self._journal.note(fact)
