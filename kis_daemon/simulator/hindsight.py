"""What stood before every change of the last minutes: the rows that a ledger shows which lags behind the truth.

Rules of this room
    Before a row or the account changes, its state is noted with the moment. A view of an earlier moment is the truth
    with every later change taken back. Without a lag nothing is taken back, and the rows are the living ones.
    Ten minutes are kept, and nothing of the day before.
"""

from __future__ import annotations

from collections import deque
from copy import copy
from datetime import datetime, timedelta

from kis_daemon.simulator.account import Account
from kis_daemon.simulator.requests import Request

KEPT = timedelta(minutes=10)


class Hindsight:
    """Remembers the states before the changes."""

    def __init__(self) -> None:
        self._accounts: deque[tuple[datetime, Account]] = deque()
        self._requests: deque[tuple[datetime, Request]] = deque()

    def forget(self) -> None:
        """Begin a new day."""
        self._accounts.clear()
        self._requests.clear()

    def note_account(self, account: Account, at: datetime) -> None:
        """Note the account before it changes at `at`; of several changes at once the first is enough."""
        if not self._accounts or self._accounts[-1][0] != at:
            self._accounts.append((at, account.copied()))
            while self._accounts[0][0] < at - KEPT:
                self._accounts.popleft()

    def note_request(self, request: Request, at: datetime) -> None:
        """Note a row before it changes at `at`."""
        self._requests.append((at, copy(request)))
        while self._requests[0][0] < at - KEPT:
            self._requests.popleft()

    def account(self, now: Account, at: datetime) -> Account:
        """Return the account as it stood at `at`."""
        for changed_at, before in self._accounts:
            if changed_at > at:
                return before
        return now

    def requests(self, rows: list[Request], at: datetime) -> list[Request]:
        """Return those of `rows` that were known at `at`, as they stood then."""
        before: dict[tuple[datetime, int], Request] = {}
        for changed_at, request in reversed(self._requests):
            if changed_at <= at:
                break
            before[request.at, request.number] = request
        return [before.get((row.at, row.number), row) for row in rows if row.at <= at]
