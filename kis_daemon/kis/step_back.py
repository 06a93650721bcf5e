"""How far we step back after KIS said "too many calls", and how we come forward again. Pure.

Rules of this room
    Over the limit of the app key (EGW00201, HTTP 429) everybody waits as long as KIS asks: who called all the same
    would be refused, and an order refused so is an order nobody knows anything of.
    At the limit of the ledger that all customers share (EGW00215) only what reads the ledger or enters waits.
    After the wait all but the urgent go more slowly, and faster again step by step. The urgent are never held
    beyond KIS's own wait.
    Refusals that meet us while we wait already are of the same cause and count once.
"""

from __future__ import annotations

import math

_STEP = 0.25  # of the window
_MOST_STEPS = 4  # twice the window
_STEPS_A_REFUSAL = 2
_STEP_FORWARD_S = 10.0


class StepBack:
    """See the rules above."""

    def __init__(self) -> None:
        self._all_until = -math.inf
        self._ledger_until = -math.inf
        self._steps = 0
        self._forward_from = -math.inf

    def refused(self, now: float, wait_s: float, *, by_the_ledger: bool) -> None:
        """Wait for `wait_s` seconds, then go slowly; a longer wait under way stays."""
        if now >= max(self._all_until, self._ledger_until):
            self._steps = min(self._steps_left(now) + _STEPS_A_REFUSAL, _MOST_STEPS)
        if by_the_ledger:
            self._ledger_until = max(self._ledger_until, now + wait_s)
        else:
            self._all_until = max(self._all_until, now + wait_s)
        self._forward_from = max(self._all_until, self._ledger_until)

    def waits_until(self, *, of_the_ledger: bool) -> float:
        """Return the end of the wait, in the past or minus infinity where there is none."""
        return max(self._all_until, self._ledger_until) if of_the_ledger else self._all_until

    def stretch(self, now: float) -> float:
        """Return by how much the window of those who are not urgent is longer at this moment; 1.0: not at all."""
        return 1.0 + _STEP * self._steps_left(now)

    def _steps_left(self, now: float) -> int:
        if not self._steps:
            return 0
        forward = max(0.0, now - self._forward_from) / _STEP_FORWARD_S
        return max(0, self._steps - int(forward))
