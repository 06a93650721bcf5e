"""What every run shares, whoever answers: lock, store, log, sinks, the living, and the summary at its end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import structlog

from kis_daemon.app.audit_places import audit_places
from kis_daemon.app.compose import compose
from kis_daemon.app.daemon import live
from kis_daemon.app.errors import ConfigurationError, ExitCode
from kis_daemon.app.evening import EveningDrift, drift_command, drift_file
from kis_daemon.app.files import git_commit
from kis_daemon.app.house import Counterpart, House
from kis_daemon.app.http_desk import http_server
from kis_daemon.app.lock import InstanceLock
from kis_daemon.app.logs import Logs
from kis_daemon.app.modes import TradingMode, Venue
from kis_daemon.app.options import RunOptions
from kis_daemon.app.outside import OutsideSink
from kis_daemon.app.readiness_checks import as_told, readiness_checks
from kis_daemon.app.rehearsal import Lived, rehearse
from kis_daemon.app.settings import Settings, config_hash
from kis_daemon.app.summary import summarize
from kis_daemon.app.systemd import Systemd, watchdog_interval_s
from kis_daemon.app.universe_outfit import UniverseOutfit, selector_of
from kis_daemon.app.world import SIMULATED_JOURNAL
from kis_daemon.clock import SystemClock
from kis_daemon.console.alerts import AlertDesk, Sink
from kis_daemon.console.operator_chat import OperatorChat
from kis_daemon.console.telegram import TelegramSink
from kis_daemon.console.telegram_inbox import TelegramInbox
from kis_daemon.console.terminal import DayProgress, Screen, summary_table
from kis_daemon.domain.approvals import ApprovalPolicy
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.kis.capabilities import KisProfile, Purpose, is_offered
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.opening import Kis, KisLimits, KisQuotes, open_kis, open_quotes
from kis_daemon.kis.transport import KisEndpoints
from kis_daemon.ports import Clock, Entropy, Notifier, StoreError
from kis_daemon.services.journal import Journal
from kis_daemon.services.readiness import ReadinessDesk
from kis_daemon.services.rehearsals import Rehearsals
from kis_daemon.services.switch_file import SwitchFile
from kis_daemon.services.timetable import EndOfDay
from kis_daemon.store.database import Database, SchemaTooNew, ScriptChanged
from kis_daemon.store.schema import SCHEMA_VERSION
from kis_daemon.store.spare import SpareRecords
from kis_daemon.virtual_loop import running_virtual_loop

ORDER_JOURNAL = "order_journal.jsonl"

Life: TypeAlias = Callable[[], Coroutine[None, None, None]]

Hide: TypeAlias = Callable[..., None]
"""Takes texts that no log line may show."""

Behind: TypeAlias = Callable[[KisQuotes, Clock], Counterpart]
"""Makes who answers for the account, from who answers for the market."""

log = structlog.get_logger("daemon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfit:
    """All in which one venue differs from another. `market_over` and `account_view` only a simulator here has.

    `behind` puts somebody else behind KIS's quotes: then KIS is asked, and never told anything.
    """

    clock: Clock
    endpoints: KisEndpoints
    credentials: Credentials
    profile: KisProfile
    limits: KisLimits
    chance: random.Random
    entropy: Entropy
    secret: bytes
    token_path: Path | None
    universe: UniverseOutfit
    poll_s: float
    market_over: asyncio.Event | None = None
    account_view: Callable[[], Mapping[str, object]] | None = None
    behind: Behind | None = None

    def open_kis(self, timeout_s: float) -> AbstractAsyncContextManager[Kis]:
        """Open this venue; an answer may take `timeout_s`."""
        return open_kis(*self._how(timeout_s))

    @asynccontextmanager
    async def open(self, timeout_s: float) -> AsyncIterator[tuple[KisQuotes, Counterpart]]:
        """Open this venue for a daemon: who is asked about the market, and who answers for the account."""
        if self.behind is None:
            async with self.open_kis(timeout_s) as kis:
                yield kis, kis
        else:
            async with open_quotes(*self._how(timeout_s)) as quotes:
                yield quotes, self.behind(quotes, self.clock)

    def _how(
        self, timeout_s: float
    ) -> tuple[KisEndpoints, Credentials, KisProfile, Clock, random.Random, Path | None, KisLimits]:
        limits = replace(self.limits, timeout_s=timeout_s)
        return self.endpoints, self.credentials, self.profile, self.clock, self.chance, self.token_path, limits


class Household:
    """One run: opened piece by piece, lived in once."""

    def __init__(self, settings: Settings, options: RunOptions, calendar: TradingCalendar) -> None:
        self.settings = settings
        self.options = options
        self.calendar = calendar
        self.database = Database(settings.database)
        self.was_ended_by_the_market = False
        self._store_is_open = False
        self._screen = Screen(sys.stdout)
        self._systemd = Systemd(os.environ)
        self._stop: asyncio.Event | None = None
        self._days = 0

    @property
    def days_are_done(self) -> bool:
        """Whether as many simulated days were lived through as were asked for."""
        wanted = self.options.sim.days
        return wanted is not None and self._days >= wanted

    def lock(self) -> InstanceLock:
        return InstanceLock(self.settings.data_dir, now=SystemClock().now(), command=f"--mode {self.options.mode}")

    def logs(self, clock: Callable[[], datetime]) -> Logs:
        return Logs(
            self._screen,
            self.settings.log_dir,
            clock=clock,
            wall=SystemClock().now,
            secrets=self.settings.secrets(),
        )

    def open_store(self, stack: ExitStack, *, may_be_away: bool = False) -> None:
        """Open the database and close it with `stack`; one line and exit 78 where it cannot be opened.

        It `may_be_away` where an earlier run has left what a stop needs: then the start goes on without it.
        """
        stack.callback(self.database.close)
        try:
            self.database.open()
            self._store_is_open = True
        except StoreError as error:
            permanent = isinstance(error, SchemaTooNew | ScriptChanged)
            if permanent or not may_be_away or not self._spare_path.exists():
                raise ConfigurationError(str(error)) from None

    @property
    def _spare_path(self) -> Path:
        """Return the file that stands in for the database."""
        simulated = self.settings.venue is Venue.SIMULATOR
        return self.settings.data_dir / (SIMULATED_JOURNAL if simulated else ORDER_JOURNAL)

    @asynccontextmanager
    async def _records(self, clock: Clock) -> AsyncIterator[SpareRecords]:
        """Open the records over the database; exit 78 where neither it nor what stands in for it can be read."""
        on_a_server = not self.settings.database.startswith("sqlite")
        records = SpareRecords(
            self.database,
            self._spare_path,
            clock,
            reopen=None if self._store_is_open else self.database.open,
            keeps_state=on_a_server,
        )
        try:
            await records.open(primary_is_open=self._store_is_open)
        except StoreError as error:
            raise ConfigurationError(str(error)) from None
        try:
            yield records
        finally:
            records.close()
            await self.database.aclose()

    async def live_with(self, outfit: Outfit, hide: Hide) -> int:
        """Live until stopped, or until the days or the market are over; return the exit code."""
        stop = self._stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        hide(outfit.credentials.app_key, outfit.credentials.app_secret, outfit.credentials.account)
        commit = git_commit()
        async with (
            self._records(outfit.clock) as records,
            outfit.open(self.settings.api_timeout_s) as (market, kis),
        ):
            alert_desk = AlertDesk(self._sinks(), self.settings.language, self.settings.alerts)
            house = compose(
                self.settings,
                self.options,
                kis=kis,
                records=records,
                mend_store=records.mend,
                calendar=self.calendar,
                clock=outfit.clock,
                entropy=outfit.entropy,
                notifier=alert_desk,
                secret=outfit.secret,
                commit=commit,
                schema_version=SCHEMA_VERSION,
                selector=selector_of(
                    outfit.universe, self.settings, kis=market, calendar=self.calendar, clock=outfit.clock
                ),
                poll_s=outfit.poll_s,
                on_day_over=self._day_over,
                on_runs_done=stop.set,
                audit=audit_places(self.settings, self.database),
                asks_a_person=self.settings.approvals.policy is ApprovalPolicy.MANUAL,
                switch_file=SwitchFile(self.settings.data_dir),
                evening=self._evening if self.compares_days else None,
                ask_days=market.market_data.market_days if is_offered(Purpose.HOLIDAYS, outfit.profile) else None,
            )
            log.info(
                "daemon_starting",
                commit=commit,
                config_hash=config_hash(self.settings),
                schema_version=SCHEMA_VERSION,
                mode=self.settings.trading_mode.value,
                venue=self.settings.venue.value,
                pid=os.getpid(),
            )
            house, before_real_money = self._before_real_money(house, alert_desk, market)
            progress = self._show_progress(house, simulated=outfit.market_over is not None)
            watcher = asyncio.create_task(self._stop_with(outfit.market_over, stop), name="market_over")
            try:
                await live(
                    house,
                    stop=stop,
                    systemd=self._systemd,
                    watchdog_s=watchdog_interval_s(os.environ, os.getpid()),
                    alert_desk=alert_desk,
                    desks={**self._desks(house, alert_desk), **before_real_money},
                )
            finally:
                watcher.cancel()
                progress.finish()
            if records.degraded:
                log.error("summary_left_out", reason=records.degraded)
                return ExitCode.OK
            account = None if outfit.account_view is None else outfit.account_view()
            summary = await self.database.transact(
                lambda rows: summarize(house, rows, exit_code=ExitCode.OK, days=self._days, simulator_account=account)
            )
        self._show_summary(summary)
        return ExitCode.OK

    def _before_real_money(
        self, house: House, alert_desk: AlertDesk, market: KisQuotes
    ) -> tuple[House, dict[str, Life]]:
        """Have entries wait for readiness where money is real; return the house that tells of it, and what lives
        beside it."""
        if self.settings.trading_mode is not TradingMode.REAL:
            return house, {}
        rehearsals = Rehearsals(partial(self._rehearse, house), house.journal, self.calendar, house.clock)
        checks = readiness_checks(
            house,
            alert_desk,
            self.calendar,
            ahead_s=lambda: market.server_clock.ahead_s,
            rehearsed=rehearsals.trouble,
        )
        readiness = ReadinessDesk(checks, house.journal, self.calendar, house.clock, binds=True)
        house.control.is_ready = readiness.lets_enter
        tells = house.desks.readiness
        desks = replace(house.desks, readiness=lambda: as_told(readiness.look(), tells()))
        return replace(house, desks=desks), {"readiness": readiness.run, "rehearsals": rehearsals.run}

    async def _rehearse(self, house: House, day: date) -> str:
        """Rehearse `day`; return what went wrong."""
        listings, histories = house.book.listings, house.histories
        lived = [
            Lived(
                symbol=symbol, name=listings[symbol].name, market=listings[symbol].market, bars=histories.bars(symbol)
            )
            for symbol in house.trader.symbols()
            if symbol in listings
        ]
        yesterday = self.calendar.previous_trading_day(day).date
        return (await rehearse(day, yesterday, lived, self.settings.config_dir)).trouble

    @property
    def compares_days(self) -> bool:
        """Whether evenings are compared: by default not where a day is over before a child has started."""
        wanted = self.options.drift
        return self.settings.venue is not Venue.SIMULATOR if wanted is None else wanted

    def _evening(self, journal: Journal) -> EndOfDay:
        return EveningDrift(
            command=lambda day: drift_command(day, self.settings.data_dir, self.options.config_dir),
            file=lambda day: drift_file(self.settings.log_dir, day),
            journal=journal,
        ).end_day

    async def _stop_with(self, market_over: asyncio.Event | None, stop: asyncio.Event) -> None:
        """Stop when the simulator has no more prices to play."""
        if market_over is not None:
            await market_over.wait()
            self.was_ended_by_the_market = True
            stop.set()

    def _day_over(self, _day: date) -> None:
        self._days += 1
        if self.days_are_done and self._stop is not None:
            self._stop.set()

    def _sinks(self) -> Sequence[Sink]:
        telegram = self.settings.telegram
        if telegram is None:
            return ()
        sink = TelegramSink(
            telegram.token.get_secret_value(), telegram.chat_id, level=self.settings.alerts.telegram_level
        )
        return (OutsideSink(sink),)

    def _desks(self, house: House, notifier: Notifier) -> Mapping[str, Callable[[], Coroutine[None, None, None]]]:
        """Return who listens to the operator. On a simulator's time no chat does: it lives on the wall's."""
        http = http_server(self.settings, house.desks, house.clock, notifier)
        desks = {} if http is None else {"http": http.run}
        telegram = self.settings.telegram
        if telegram is None or running_virtual_loop() is not None:
            return desks
        token = telegram.token.get_secret_value()
        chat = OperatorChat(
            chat_id=telegram.chat_id,
            operations=house.operator.operations,
            journal=house.journal,
            gate=house.control.gate,
            clock=house.clock,
            language=self.settings.language,
        )
        inbox = TelegramInbox(token, TelegramSink(token, telegram.chat_id), chat.hear)
        return desks | {"telegram": inbox.run}

    def _show_progress(self, house: House, *, simulated: bool) -> DayProgress:
        progress = DayProgress(self._screen, self.settings.language, days=self.options.sim.days)
        if self._screen.is_terminal and simulated:
            house.board.listen(
                lambda _: progress.update(
                    house.clock.now(),
                    day_no=self._days + 1,
                    trades=len(house.book.trades_today),
                    equity=house.book.statement_cash + house.book.holdings_value,
                )
            )
        return progress

    def _show_summary(self, summary: Mapping[str, Any]) -> None:
        self._screen.line(summary_table(summary, self.settings.language, colour=self._screen.is_terminal))
        if self.options.summary_json is not None:
            text = json.dumps(summary, ensure_ascii=False, indent=1) + "\n"
            self.options.summary_json.write_text(text, "utf-8")
