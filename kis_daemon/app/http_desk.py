"""What the HTTP desk is built with: addresses and tokens from the settings, health and readiness from the house."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kis_daemon import __version__
from kis_daemon.app.modes import TradingMode, Venue
from kis_daemon.app.settings import Settings
from kis_daemon.console.http.access import RoleTokens
from kis_daemon.console.http.desks import Desks
from kis_daemon.ports import Clock, Notifier
from kis_daemon.services.book import Book
from kis_daemon.services.control import Control
from kis_daemon.services.quote_metrics import StreamFigures

if TYPE_CHECKING:
    from pydantic import SecretStr

    from kis_daemon.console.http.server import HttpServer

_REQUIRED = ("KIS_APP_KEY", "KIS_APP_SECRET", "KIS_ACCOUNT_NO")
_SIMULATED_PATIENCE_S = 3_600.0  # simulated seconds: a request is answered in wall time, and these pass quickly


def http_server(settings: Settings, desks: Desks, clock: Clock, notifier: Notifier) -> HttpServer | None:
    """Return the server that answers an operator, None where nothing is to be listened on."""
    if not settings.http.addresses:
        return None
    from kis_daemon.console.http.server import HttpServer, HttpTerms  # late: a backtest needs no web server

    simulated = settings.venue is Venue.SIMULATOR
    timing: dict[str, Any] = {"patience_s": _SIMULATED_PATIENCE_S, "retry_s": None} if simulated else {}
    terms = HttpTerms(
        addresses=settings.http.addresses,
        tokens=RoleTokens(
            viewer=_said(settings.http.viewer),
            operator=_said(settings.http.operator),
            admin=_said(settings.http.admin),
        ),
        real_money=settings.trading_mode is TradingMode.REAL,
        **timing,
    )
    return HttpServer(terms, desks, clock, notifier, __version__)


def health(settings: Settings, book: Book, control: Control, clock: Clock, commit: str) -> Mapping[str, Any]:
    """Return how the daemon is, at this moment."""
    view = control.gate()
    return {
        "status": "stopping" if control.stopping else "ok",
        "at": clock.now(),
        "mode": settings.trading_mode.value,
        "venue": settings.venue.value,
        "gate": view.gate.value,
        "gate_reasons": list(view.reasons),
        "positions": len(book.positions),
        "version": __version__,
        "commit": commit,
    }


def readiness(settings: Settings, stream: StreamFigures) -> Mapping[str, Any]:
    """Return whether limited orders may be verified at the broker, and what forbids it (S2-G, L05)."""
    missing = list(_REQUIRED) if settings.credentials is None else []
    blockers = {
        "MISSING_REQUIRED_ENV": bool(missing),
        "WS_DISCONNECTED": not stream.ws_connected,
        "WS_ERROR_PRESENT": bool(stream.ws_last_error),
    }
    reasons = [name for name, holds in blockers.items() if holds]
    return {
        "required_env_missing": missing,
        "ws_connected": stream.ws_connected,
        "ws_last_error": stream.ws_last_error or None,
        "can_trade": not reasons,
        "blocker_reasons": reasons,
    }


def _said(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
