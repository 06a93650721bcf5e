"""The master files behind the `Directory` port: every listed symbol, and what it traded for the day before.

Rules of this room (S3-U07, U10..U12)
    The files are fetched when the list is asked for and we have none of today; a list that could not be fetched is the
    newest one we have, and which day that is of is in the log.
    Traded value is the day's volume times the base price, which is that day's close: the files have no sum.
    A symbol in liquidation trading counts as suspended: it is not to be bought.
"""

from __future__ import annotations

from kis_daemon.kis.master_files import MasterFiles
from kis_daemon.kis.masters import MasterRecord, SecurityGroup
from kis_daemon.ports import Issue


class MasterDirectory:
    """See the rules above."""

    def __init__(self, files: MasterFiles) -> None:
        self._files = files
        self._is_loaded = False

    async def issues(self) -> tuple[Issue, ...]:
        """Return every listed symbol of the newest files; none where there are no files."""
        if not self._is_loaded:
            self._files.load()
            self._is_loaded = True
        await self._files.refresh()
        return tuple(_issue(record) for record in self._files.book.records())


def _issue(record: MasterRecord) -> Issue:
    return Issue(
        symbol=record.symbol,
        name=record.name,
        market=record.market,
        is_common=record.group is SecurityGroup.STOCK and not record.spac and not record.preferred,
        in_kospi200=record.kospi200,
        suspended=record.suspended or record.in_liquidation,
        under_administration=record.under_administration,
        market_cap=record.market_cap or None,
        traded_value=record.previous_volume * record.base_price,
    )
