"""The life of the daemon: what is done before the tasks, with them and after them.

Rules of this room (architecture, section 5)
    Recovery is the start: what the records hold is loaded, the broker is asked, and only then may anything be ordered.
    Every task has a name and one owner. Unexpected trouble in one ends them all; orders already sent are drained, and
    the process ends, to be started again.
    The end: nothing new is begun, what was begun gets its answer written down, what is held stays held.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from datetime import date
from types import MappingProxyType

import structlog

from kis_daemon.app.house import House
from kis_daemon.app.operator_outfit import release_rules
from kis_daemon.app.settings import config_hash
from kis_daemon.app.systemd import Systemd
from kis_daemon.console.alerts import AlertDesk
from kis_daemon.ports import Rows
from kis_daemon.services.book import (
    CLOSES_MARK,
    DAY_BASE_MARK,
    EXAMINED_MARK,
    EXTERNAL_MARK,
    FLOWS_MARK,
    LEDGER_MARK,
    WORST_MARK,
)
from kis_daemon.services.corporate_actions import read_closes
from kis_daemon.services.market_days import MARKET_DAYS_MARK

log = structlog.get_logger("daemon")

_DRAIN_S = 60.0  # four times the longest an order may take to be answered
_LAST_WORDS_S = 5.0  # how long the last alerts may take to be delivered


async def live(
    house: House,
    *,
    stop: asyncio.Event,
    systemd: Systemd,
    watchdog_s: float | None,
    alert_desk: AlertDesk,
    desks: Mapping[str, Callable[[], Coroutine[None, None, None]]] = MappingProxyType({}),
) -> None:
    """Live until `stop` is set; raises what ended a task unexpectedly, after the drain. `desks` by name: they listen to
    the operator."""
    await _recover(house)
    systemd.ready(f"{house.control.gate().gate.value}, {len(house.book.positions)} positions")
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(alert_desk.run(), name="alerts"),
                group.create_task(house.journal.run(), name="journal"),
                group.create_task(house.mend_store(), name="store"),
                group.create_task(house.control.run(), name="control"),
                group.create_task(house.reconciler.run(), name="reconciler"),
                group.create_task(house.synchronizer.run(), name="order_synchronizer"),
                group.create_task(house.watch_list.run(house.intake), name="feed"),
                group.create_task(house.poller.run(), name="poller"),
                group.create_task(house.looks.run(), name="looks"),
                group.create_task(house.names.run(), name="names"),
                group.create_task(house.timetable.run(), name="timetable"),
                group.create_task(house.mandates.run(), name="mandates"),
                group.create_task(house.proposals.run(), name="proposals"),
                group.create_task(house.operator.closer.run(), name="closer"),
            ]
            tasks += [group.create_task(run(), name=name) for name, run in desks.items()]
            if house.audit is not None:
                tasks.append(group.create_task(house.audit.run(), name="audit"))
            if watchdog_s is not None:
                tasks.append(group.create_task(_watch(house, systemd, watchdog_s), name="watchdog"))
            await stop.wait()
            house.control.stopping = True
            systemd.stopping()
            for task in tasks:
                task.cancel()
    finally:
        house.control.stopping = True
        try:
            async with asyncio.timeout(_DRAIN_S):
                await house.synchronizer.drain()
        except TimeoutError:
            log.error("drain_not_finished", seconds=_DRAIN_S)  # what is PENDING is found out at the next start
        await house.journal.write(house.journal.fact("daemon_stopped", alerts=True, reason=_why(stop)))
        if house.audit is not None:
            await house.audit.end()
        await alert_desk.drain(_LAST_WORDS_S)


def _why(stop: asyncio.Event) -> str:
    return "asked to stop" if stop.is_set() else "unexpected error"


async def _recover(house: House) -> None:
    """Load what the records hold, then ask the broker what is true. The gate stays HALTED until it has answered."""
    today = house.clock.now().date()
    await house.records.transact(lambda rows: _load(rows, house, today))
    live = house.book.live_orders()
    settings = house.settings
    await house.journal.write(
        house.journal.fact(
            "daemon_started",
            alerts=True,
            mode=settings.trading_mode.value,
            venue=settings.venue.value,
            config_hash=config_hash(settings),
            positions=len(house.book.positions),
            orders_to_recover=len(live),
        ),
    )
    await house.mandates.begin()
    await house.proposals.begin()
    if house.audit is not None:
        await house.audit.begin()
    await house.control.refresh()
    if house.control.was_never_released:
        log.warning("kill_switch_never_released", release=_release_command(house))
    await house.reconciler.attempt()


def _release_command(house: House) -> str:
    """Return the line that an operator has to type before the first order may leave (C01)."""
    where = f"--data-dir {house.settings.data_dir} --config-dir {house.settings.config_dir}"
    code = " --code CODE" if release_rules(house.settings).code_always else ""
    return f'python main.py kill-switch release --reason "..." --by "..."{code} {where}'


def _load(rows: Rows, house: House, today: date) -> None:
    """Fill the book from the records."""
    book = house.book
    house.names.load(rows)
    house.market_days.load(rows.mark(MARKET_DAYS_MARK))
    for order in (*rows.orders_of(today), *rows.live_orders()):
        book.recover(order)
    for position in rows.open_positions():
        book.positions[position.symbol] = position
        book.rename(position.symbol, position.name)
    book.first_order_day = rows.first_order_day(house.settings.trading_mode.value)
    book.trades_today.extend(rows.trades(today, today))
    book.load_worst(rows.mark(WORST_MARK))
    book.start_day(today)
    for symbol, stopped_on in rows.last_stops():
        book.stopped_on[symbol] = stopped_on
    for order in book.orders.values():
        if order.filled_quantity > 0:
            known = book.booked_at.get(order.intent.symbol)
            book.booked_at[order.intent.symbol] = order.updated_at if known is None else max(known, order.updated_at)
    book.external = json.loads(rows.mark(EXTERNAL_MARK) or "{}")
    house.locks.load(rows)
    house.breakers.load(rows)
    book.flows = int(rows.mark(FLOWS_MARK) or 0)
    book.last_closes = read_closes(rows.mark(CLOSES_MARK))
    examined = rows.mark(EXAMINED_MARK)
    book.examined_on = None if examined is None else date.fromisoformat(examined)
    cash = rows.mark(LEDGER_MARK)
    book.ledger_cash = None if cash is None else int(cash)
    base = rows.mark(DAY_BASE_MARK)
    if base is not None:
        day, equity = base.split("|")
        if date.fromisoformat(day) == today:
            book.day_base_of, book.day_base_equity = today, int(equity)


async def _watch(house: House, systemd: Systemd, every_s: float) -> None:
    """Tell systemd that we are alive while the reconciler comes round: failing to reach the broker is coming round."""
    seen = -1
    silent = 0.0
    while True:
        await asyncio.sleep(every_s)
        silent = 0.0 if house.reconciler.rounds != seen else silent + every_s
        seen = house.reconciler.rounds
        if silent <= house.reconciler.longest_pause_s:
            systemd.alive()
