"""Ordering from KIS: commands, each sent once.

Rules of this room
    Slot, token and connection first; then, with no await between, the permit and the bytes (transport.py).
    There is no second attempt: not after a refused token, not after a limit, not after silence.
    `NoAnswer` is the only error after which something may have been ordered.
"""

from __future__ import annotations

from kis_daemon.kis.access import Access
from kis_daemon.kis.budget import Priority
from kis_daemon.kis.transport import Transport
from kis_daemon.kis.wire import Body, Command
from kis_daemon.kis.wire_errors import read_outcome
from kis_daemon.ports import Permit, Withdrawn


class Commands:
    """See the rules above."""

    def __init__(self, transport: Transport, access: Access) -> None:
        self._transport = transport
        self._access = access

    async def send(
        self, command: Command, permit: Permit, priority: Priority, *, within_s: float | None = None
    ) -> Body | Withdrawn:
        """Return what KIS accepted, or `Withdrawn` if the permit said no at the last moment.

        Raises `OrderRefused` or `AccessRefused` (refused by KIS), `BrokerUnreachable`, `RateLimited` or
        `AccessRefused` (not sent: no token, no connection, or no slot within `within_s`), `NoAnswer` (unknown).
        """
        async with self._access.admit(priority, tr_id=command.tr_id, within_s=within_s) as admission:
            headers = self._access.headers(admission.token, command.tr_id)
            answer = await self._transport.post_once(command.path, command.body, headers, permit, admission.slot)
        if isinstance(answer, Withdrawn):
            return answer
        with self._access.heeding(admission.token, answer.status):
            return read_outcome(answer)
