"""Real money: what has to be said before it is touched, and the address of KIS's real servers.

Rules of this room (S3-F02, S3-X02, C05)
    The real address stands here alone, and is handed out for a `Confirmed` only.
    A `Confirmed` comes out of the countdown alone, and that begins only for settings in REAL whose start said
    --confirm-real-trading. Whoever changes his mind has ten seconds, in which nothing was opened or written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.modes import TradingMode, Venue
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import Settings
from kis_daemon.console.catalogue import say
from kis_daemon.domain.first_steps import FirstSteps

if TYPE_CHECKING:
    from kis_daemon.kis.transport import KisEndpoints

_REAL_REST = "https://openapi.koreainvestment.com:9443"
_REAL_STREAM = "ws://ops.koreainvestment.com:21000/tryitout"
_COUNTDOWN_S = 10
_TAIL = 4  # digits of the account that a person may see to know which one it is

_COUNTED_DOWN = object()


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A person has said, for this start, that the money is real. Made by `count_down` and by nobody else."""

    proof: object

    def __post_init__(self) -> None:
        if self.proof is not _COUNTED_DOWN:
            raise ConfigurationError("config.real_not_confirmed")


def count_down(
    settings: Settings, options: RunOptions, show: Callable[[str], None], sleep: Callable[[float], None]
) -> Confirmed:
    """Say what is about to begin, second by second, and return the proof that nobody objected."""
    if settings.trading_mode is not TradingMode.REAL or settings.venue is not Venue.KIS_REAL:
        raise ConfigurationError("config.real_not_confirmed")
    if not options.confirm_real_trading or settings.credentials is None:
        raise ConfigurationError("config.real_not_confirmed")
    account = settings.credentials.account_no.get_secret_value()
    show(
        say(
            settings.language,
            "real.warning",
            account="*" * (len(account) - _TAIL) + account[-_TAIL:],
            percent=options.real_first_order_percent,
        )
    )
    for left in range(_COUNTDOWN_S, 0, -1):
        show(say(settings.language, "real.countdown", seconds=left))
        sleep(1.0)
    return Confirmed(_COUNTED_DOWN)


def real_endpoints(confirmed: Confirmed) -> KisEndpoints:
    """Return the servers where orders cost real money."""
    if not isinstance(confirmed, Confirmed):
        raise ConfigurationError("config.real_not_confirmed")
    from kis_daemon.kis.transport import Endpoint, KisEndpoints  # with it HTTP, which a backtest does without

    return KisEndpoints(rest=Endpoint(url=_REAL_REST), stream=Endpoint(url=_REAL_STREAM))


def first_steps(settings: Settings, options: RunOptions) -> FirstSteps:
    """Return how careful the beginning of a day is: with real money as the command line says."""
    if settings.trading_mode is not TradingMode.REAL:
        return FirstSteps()
    return FirstSteps(
        order_percent=options.real_first_order_percent,
        one_symbol_on_the_first_day=options.real_limit_symbols_first_day,
    )
