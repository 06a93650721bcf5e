"""The operator's services: kill switch, pause, close-all, manual exit, and what is held.

Rules of this room (S0-K, S4-K, S4-B04..B06, C01, C10, C13, C14)
    Every way in (command, API, Telegram) ends here; each act is one transaction with its event, and outlives a restart.
    A refusal is a `Declined`, never an exception: a database that is away declines too.
    What stops trading is effective in memory before the method returns, and in every order's transaction after it.
"""

from __future__ import annotations

from typing import Protocol

from kis_daemon.domain.market import Symbol
from kis_daemon.domain.safeguards import KillSwitchScope
from kis_daemon.services.operator_answers import (
    Activated,
    Closing,
    Declined,
    PauseView,
    PositionsView,
    Released,
    Source,
    SwitchView,
)


class OperatorServices(Protocol):
    """What a desk (HTTP, Telegram) may ask for."""

    async def activate_kill_switch(
        self, *, scope: KillSwitchScope, reason: str, by: str, source: Source
    ) -> Activated | Declined:
        """Stop orders: all of them, or entries only. The code that a release needs is in the answer, once."""

    async def release_kill_switch(
        self, *, reason: str, by: str, source: Source, confirmation_code: str = "", admin_key: str = ""
    ) -> Released | Declined:
        """Release the switch. The API always needs one of code and key, a command needs it in REAL (C01, C14)."""

    async def kill_switch_status(self) -> SwitchView:
        """Return the switch as it is in force now."""

    async def pause(self, *, reason: str, by: str) -> PauseView | Declined:
        """Pause entries until `resume`; exits go on."""

    async def resume(self, *, reason: str, by: str) -> PauseView | Declined:
        """Let entries pass again, as far as the gate lets them."""

    def pause_status(self) -> PauseView: ...

    async def close_all(self, *, reason: str, by: str, confirmed: bool = False) -> Closing | Declined:
        """Sell everything that is ours, and pause entries. `confirmed`: also while the switch stops all orders (C10).

        Asked twice it sells once; what a restart interrupts goes on after it.
        """

    async def manual_exit(self, *, symbol: Symbol, reason: str, by: str) -> Closing | Declined:
        """Sell the position in `symbol`."""

    def positions(self) -> PositionsView:
        """Return what is held at this moment."""
