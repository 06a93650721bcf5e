"""The last calls as KIS may count them. Pure: every moment is handed in.

Rules of this room
    A call counts from the moment its bytes really left. Until that is told it counts as leaving now: a new
    connection, a wait for a token or a blocked loop may lie between the leave to call and the call.
    A call that ended without leaving has never counted.
    So of any `calls + 1` calls the last leaves at least `window_s` after the first, whatever happens between:
    when it was let go, at most `calls - 1` others were under way or younger than that.
"""

from __future__ import annotations

import math
from collections import deque

GRAIN_S = 1e-6  # loops may fire a timer this much early; every slot is planned this much later


class CallWindow:
    """At most `calls` departures in any `window_s` seconds. See the rules above."""

    def __init__(self, calls: int, window_s: float) -> None:
        self._calls = calls
        self._window_s = window_s
        self._left_at: deque[float] = deque(maxlen=calls)
        self._under_way = 0

    def due(self, stretch: float = 1.0) -> float:
        """Return from when on one more may begin; infinity while all that may are still to leave.

        `stretch` makes the window longer by that factor.
        """
        free = self._calls - self._under_way
        if free <= 0:
            return math.inf
        if len(self._left_at) < free:
            return -math.inf
        return self._left_at[-free] + self._window_s * stretch + 2 * GRAIN_S

    def begin(self) -> None:
        """Count a call that may leave from now on."""
        self._under_way += 1

    def leave(self, now: float) -> None:
        """Count it from `now` on instead: its bytes left."""
        self._under_way -= 1
        self._left_at.append(now)

    def give_back(self) -> None:
        """Count it no more: it will not leave."""
        self._under_way -= 1
