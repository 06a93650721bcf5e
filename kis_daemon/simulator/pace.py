"""The pace of a simulator that stands alone: so many simulated seconds a second of the wall, and jumps in between.

Rules of this room
    A pace is asked for stretches of the loop's time. A stretch that a jump covers takes no time at all: whatever lies
    in it is played, as fast as it goes. Nothing jumps back.
"""

from __future__ import annotations


class JumpingPace:
    """`rate` simulated seconds take one second of the wall, but none up to where it was told to jump."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._jumps_to = 0.0

    def __call__(self, start: float, end: float) -> float:
        return max(end - max(start, self._jumps_to), 0.0) / self._rate

    def jump_to(self, moment: float) -> None:
        """Let the loop's time up to `moment` take none of the wall's."""
        self._jumps_to = max(self._jumps_to, moment)

    def jumps_at(self, moment: float) -> bool:
        """Tell whether `moment` lies in a jump."""
        return moment < self._jumps_to
