"""The indices of the stream: H0UPCNT0, told whenever their value has moved.

Source: the wire contract, section 5.5, and the official field table of the TR. Levels have two decimals; volume is in
thousands of shares and turnover in millions of won, as in the answers of REST.
"""

from __future__ import annotations

from datetime import date, datetime

from kis_daemon.simulator.rest_index import INDICES, Level, change_from, counts, members, today_and_before
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import direction, percent

_THOUSAND, _MILLION = 1000, 1_000_000


class IndexTeller:
    """Remembers what was told of each index last, so that only a movement is told."""

    def __init__(self) -> None:
        self._told: dict[str, Level] = {}

    def frame(self, venue: Venue, code: str, at: datetime, *, tr_id: str = "H0UPCNT0") -> str | None:
        """Return the frame of index `code`, None where it stands where it was told to be."""
        now, before = today_and_before(venue, INDICES[code])
        last = self._told.get(code)
        if last is not None and (last.day, round(last.close, 2)) == (now.day, round(now.close, 2)):
            return None
        self._told[code] = now
        counted = counts(members(venue, INDICES[code]))
        record = _record(code, at, now, before, _since(last, now.day), counted)
        return f"0|{tr_id}|001|{'^'.join(record)}"


def _since(last: Level | None, day: date) -> Level:
    """Return what was told before on `day`, nothing traded where nothing was."""
    return last if last is not None and last.day == day else Level(day=day)


def _record(
    code: str, at: datetime, now: Level, before: Level, last: Level, counted: dict[str, str]
) -> tuple[str, ...]:
    change, sign, rate = change_from(now.close, before.close)
    distances: list[str] = []
    for level in (now.open, now.high, now.low):
        away = round(now.close - level, 2) + 0.0
        distances += [f"{away:.2f}", str(direction(round(away * 100)))]
    return (
        code,
        f"{at:%H%M%S}",
        f"{now.close:.2f}",
        sign,
        change,
        str(now.volume // _THOUSAND),
        str(now.turnover // _MILLION),
        str((now.volume - last.volume) // _THOUSAND),
        str((now.turnover - last.turnover) // _MILLION),
        rate,
        f"{now.open:.2f}",
        f"{now.high:.2f}",
        f"{now.low:.2f}",
        *distances,
        *(percent(level - before.close, before.close) for level in (now.open, now.high, now.low)),
        *(counted[f"{name}_issu_cnt"] for name in ("uplm", "ascn", "stnr", "down", "lslm")),
        "0",
        "0",
        f"{now.close - last.close if last.close else 0.0:.2f}",
    )
