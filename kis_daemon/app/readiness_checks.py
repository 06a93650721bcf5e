"""The checks of readiness: what of a house, its machine and its account is not well before real money is used.

Rules of this room (L05, L12, S3-C02..C06)
    Each check says what to do about what it found. None of them waits for anybody.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from kis_daemon.app.house import House
from kis_daemon.app.settings import Settings
from kis_daemon.console.alerts import AlertDesk
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.readiness import Blocker, Readiness
from kis_daemon.services.readiness import Check
from kis_daemon.store import backup
from kis_daemon.store.backup_files import BackupRefused

_MOST_SKEW_S = 5.0
_LEAST_FREE_BYTES = 200 * 1024 * 1024
_OLDEST_BACKUP = timedelta(days=1)
_BACKUPS = "backups"


def readiness_checks(
    house: House,
    alert_desk: AlertDesk,
    calendar: TradingCalendar,
    *,
    ahead_s: Callable[[], float | None],
    rehearsed: Check,
) -> Mapping[Blocker, Check]:
    """Return every check by the name of what it finds. `ahead_s`: how far KIS's clock is ahead of ours."""
    settings, clock = house.settings, house.clock

    def environment() -> str:
        keys = settings.credentials
        if keys is None or settings.jwt_secret is None:
            return "the keys of the account and EXECUTION_JWT_SECRET must be set"
        return "" if keys.hts_id else "KIS_HTS_ID is missing: without it no execution notice comes; set it"

    def connected() -> str:
        return "" if house.control.feed.connected else "the stream is not connected"

    def stream_trouble() -> str:
        feed = house.control.feed
        return "" if feed.connected or not feed.reason else f"the stream's last error: {feed.reason}"

    def skew() -> str:
        ahead = ahead_s()
        if ahead is None:
            return "KIS's clock was not heard yet"
        return (
            "" if abs(ahead) <= _MOST_SKEW_S else f"KIS's clock is {ahead:+.1f} s ahead of ours; start the time service"
        )

    def covered() -> str:
        return "" if calendar.covers(clock.now().date()) else "config/krx_calendar.yaml ends before today; renew it"

    def database() -> str:
        return f"the database is away: {house.journal.degraded}" if house.journal.degraded else ""

    def disk() -> str:
        free = shutil.disk_usage(settings.data_dir).free
        return "" if free >= _LEAST_FREE_BYTES else f"{free >> 20} MiB free beside {settings.data_dir}; make room"

    def alerts() -> str:
        return alert_desk.trouble

    def saved() -> str:
        return _backup_trouble(settings, house)

    def switch() -> str:
        return "the kill switch was never released" if house.control.was_never_released else ""

    return {
        Blocker.MISSING_REQUIRED_ENV: environment,
        Blocker.WS_DISCONNECTED: connected,
        Blocker.WS_ERROR_PRESENT: stream_trouble,
        Blocker.CLOCK_SKEWED: skew,
        Blocker.CALENDAR_NOT_COVERED: covered,
        Blocker.DATABASE_AWAY: database,
        Blocker.DISK_ALMOST_FULL: disk,
        Blocker.ALERTS_NOT_DELIVERED: alerts,
        Blocker.BACKUP_TOO_OLD: saved,
        Blocker.KILL_SWITCH_NOT_KNOWN: switch,
        Blocker.REHEARSAL_NOT_PASSED: rehearsed,
    }


def as_told(readiness: Readiness, told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the answer to `GET /v1/session/live-readiness` (L05): what every venue is `told`, and what was found."""
    reasons = dict.fromkeys([*told["blocker_reasons"], *(blocker.value for blocker in readiness.blockers)])
    return {
        **told,
        "can_trade": not reasons,
        "blocker_reasons": list(reasons),
        "details": {one.blocker.value: one.reason for one in readiness.found},
    }


def _backup_trouble(settings: Settings, house: House) -> str:
    try:
        newest = backup.newest(settings.database, settings.data_dir / _BACKUPS)
    except BackupRefused as refused:
        return f"no backup ({refused.code}); run main.py backup create"
    age = house.clock.now() - newest.manifest.made_at
    return "" if age <= _OLDEST_BACKUP else f"the newest backup is {age.days} days old; run main.py backup create"
