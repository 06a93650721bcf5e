"""The mandate's watch: a person hears in time that a mandate ends, and that nothing is bought without one.

Rules of this room (C28)
    A mandate never renews itself: it is a person's word, and its end makes the person think again. It is told 30, 7
    and 1 days before, and when it has ended; each once. Of several the one that lasts longest counts, because entries
    go on with it. Exits have mandates of their own, without an end.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from kis_daemon.domain.approvals import Mandate
from kis_daemon.ports import Clock, Rows, Severity
from kis_daemon.services.journal import Journal

_TOLD_BEFORE = (1, 7, 30)  # days, the nearest first
_NOTHING_TOLD = 31


class MandateWatch:
    """See the rules above. `mandates` are those in force."""

    def __init__(self, mandates: Callable[[], tuple[Mandate, ...]], journal: Journal, clock: Clock) -> None:
        self._mandates = mandates
        self._mandate: Mandate | None = None  # the last one seen: one that has ended is in force no longer
        self._journal = journal
        self._clock = clock
        self._told = _NOTHING_TOLD

    def begin(self) -> None:
        """Nothing of it is in the records."""

    def read(self, rows: Rows) -> None:
        """Nothing of it is in the records."""

    def look(self) -> None:
        """Tell what was not told yet."""
        lasting = max(self._mandates(), key=lambda mandate: mandate.expires_at, default=None)
        now = self._clock.now()
        if lasting is not None and lasting != self._mandate:
            self._mandate, self._told = lasting, _NOTHING_TOLD
        known = self._mandate
        if known is None or (lasting is None and now < known.expires_at):
            return  # none was ever signed, or a person took it back
        left = known.expires_at - now
        reached = 0 if left <= timedelta(0) else next((n for n in _TOLD_BEFORE if left <= timedelta(days=n)), None)
        if reached is None or reached >= self._told:
            return
        self._told = reached
        told = {"mandate": known.mandate_id, "expires_at": f"{known.expires_at:%Y-%m-%d %H:%M}"}
        fact = (
            self._journal.fact("mandate_ends", severity=Severity.WARNING, alerts=True, days=reached, **told)
            if reached
            else self._journal.fact("mandate_ended", severity=Severity.ERROR, alerts=True, **told)
        )
        self._journal.note(fact)
