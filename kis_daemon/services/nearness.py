"""How near a held price has come to where it is sold. Pure.

Rules of this room (requirements, section 8: alerts; L14)
    The way to the stop begins at the average price, the way to a trailing level at the highest price; the nearer of
    both counts. 0 is where a way begins, 1 where the position is sold; beyond both ends it goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from kis_daemon.domain.market import Won
from kis_daemon.domain.positions import Position, ProtectionRules, trailing_level


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearness:
    """The parts of the ways to stop and target that are behind a price; `stop` is the level that is nearer."""

    to_stop: float
    to_target: float
    stop: Won


def nearness(position: Position, price: Won, on: date, rules: ProtectionRules) -> Nearness:
    """Return how near `price` is to the levels at which `position` is sold on that day."""
    average = position.average_price
    to_stop, stop = _way(average, price, position.stop), position.stop
    trailing = trailing_level(position, rules, on)
    if trailing is not None:
        to_trailing = _way(position.highest, price, trailing)
        if to_trailing > to_stop:
            to_stop, stop = to_trailing, trailing
    return Nearness(to_stop=to_stop, to_target=_way(average, price, position.target), stop=stop)


def _way(begin: float, price: Won, end: Won) -> float:
    if begin == end:
        return 1.0 if price == end else 0.0
    return (price - begin) / (end - begin)
