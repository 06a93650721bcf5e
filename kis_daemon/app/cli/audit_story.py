"""`audit why ORDER` and `audit state --at TIME`: the story of an order, and how things stood at a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from kis_daemon.app.audit_places import inputs_folder, settings_of
from kis_daemon.app.cli.stores import named, refusing, where
from kis_daemon.app.errors import ConfigurationError, UsageError
from kis_daemon.console.catalogue import Language, say, stock, won
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.orders import Order
from kis_daemon.ports import AccountFigures
from kis_daemon.services.audit_inputs import read_lines
from kis_daemon.services.audit_state import ASKED, FactRow, StateThen, state_then
from kis_daemon.store.database import Database
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.urls import database_url

_GATE_LOOK_BACK = timedelta(days=14)
_NOTICE_MAY_LAG = timedelta(minutes=10)


def told_at(text: str) -> str:
    """Return a moment of the chain (UTC text) as an operator reads it, in Seoul."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(KST):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return text or "-"


@contextmanager
def reading(database: Database) -> Iterator[Database]:
    """Open the database as it is; one that would have to be made or brought up to date is refused."""
    with refusing():
        target = database_url(str(database))  # as it is shown: a file has no password
        if target.get_backend_name() == "sqlite" and not Path(target.database or "").is_file():
            raise ConfigurationError("audit.no_database", place=target.database)
        if not database.schema().is_current:
            raise ConfigurationError("audit.not_current", place=str(database))
        database.open()
    try:
        yield database
    finally:
        database.close()


# --- why -------------------------------------------------------------------------------------------------------------


@click.command(help="help.audit_why")
@click.argument("order")
@where
@click.pass_context
def why(ctx: click.Context, order: str, data_dir: Path, config_dir: Path) -> int:
    language: Language = ctx.find_root().obj
    with reading(named(data_dir, config_dir)) as database, refusing():
        found = database.transact_now(lambda rows: rows.orders_named(order))
        if not found:
            raise UsageError("audit.no_order", value=order)
        inputs = inputs_folder(settings_of(data_dir, config_dir))
        for one in found:
            story = database.transact_now(lambda rows, one=one: _gathered(rows, one))  # type: ignore[misc]
            for line in _story(language, one, *story, inputs):
                click.echo(line)
    return 0


def _gathered(rows: SqlRows, order: Order) -> tuple[list[FactRow], list[FactRow], list[Any]]:
    """Return the facts of the order's correlation, the gate's last words before it, and the approvals."""
    facts = rows.facts(correlation_id=order.intent.correlation_id)
    if order.order_no is not None:
        until = order.updated_at + _NOTICE_MAY_LAG
        heard = rows.facts(types=["execution_notice"], since=order.created_at, until=until)
        ours = {"order_no": order.order_no, "symbol": order.intent.symbol}
        notices = [fact for fact in heard if ours.items() <= fact[4].items()]
        facts = sorted([*facts, *notices], key=lambda fact: fact[0])  # stable: facts of one moment keep their order
    gates = rows.facts(types=["gate_changed"], since=order.created_at - _GATE_LOOK_BACK, until=order.created_at)
    return facts, gates[-1:], list(rows.approvals_of(order.intent.correlation_id))


def _story(
    language: Language,
    order: Order,
    facts: list[FactRow],
    gates: list[FactRow],
    approvals: list[Any],
    inputs: Path,
) -> Iterator[str]:
    intent = order.intent
    mine = [fact for fact in facts if _is_of(fact, order)]
    name = next((str(told["name"]) for _, _, _, _, told in mine if told.get("name")), "")

    def line(step: str, at: datetime | None, **data: object) -> str:
        when = " " * 19 if at is None else f"{at.astimezone(KST):%Y-%m-%d %H:%M:%S}"
        label = say(language, f"audit.step.{step}")
        return f"  {when}  {label:<8} {say(language, f'audit.why.{step}', **data)}".rstrip()

    yield say(
        language,
        "audit.why.order",
        stock=stock(intent.symbol, name),
        side=intent.side.value,
        quantity=intent.quantity,
        price=intent.price,
        rule=intent.rule,
        state=order.state.value,
        key=order.key,
        order_no=order.order_no or "-",
        correlation=intent.correlation_id,
    )
    raised = next((fact for fact in mine if fact[1] == "signal_raised"), None)
    numbers: Mapping[str, Any] = {} if raised is None else raised[4]
    tick = _recorded_tick(inputs, order, raised)
    if tick is not None:
        yield line("tick", tick["at"], **{key: value for key, value in tick.items() if key != "at"})
    elif "tick" in numbers:
        yield line(
            "tick", datetime.fromisoformat(str(numbers["tick_at"])), price=numbers["tick"], ask=numbers.get("ask")
        )
    bars = _bars_before(inputs, order)
    if bars is not None:
        yield line("bar", None, **bars)
    if raised is not None:
        yield line("signal", raised[0], rule=intent.rule, reason=intent.reason, signal=intent.signal_id)
        yield line("checks", raised[0], **{key: numbers.get(key) for key in _NUMBERS}, gate=_gate(gates))
    for row in approvals:
        if f'"signal_id": "{intent.signal_id}"' in row.payload_json:
            yield line(
                "approval", row.approved_at, by=row.approved_by, proposal=row.proposal_id, config=row.config_hash
            )
    for at, kind, _, actor, told in mine:
        step = _STEPS.get(kind)
        if step is not None:
            yield line(step, at, event=kind, actor=actor, **told)
        elif kind != "signal_raised":
            words = ", ".join(f"{key}={value}" for key, value in told.items() if key not in ("name", "order_key"))
            yield line("other", at, event=kind, words=words)


_NUMBERS = (
    "equity", "cash", "busy", "entries_today", "losses_in_a_row", "realized_today", "day_base_equity", "stop_distance",
    "notional_today", "held", "stop", "target", "highest",
)  # fmt: skip
_STEPS = {
    "order_requested": "journal",
    "order_submitted": "wire",
    "order_rejected": "refused",
    "execution_notice": "notice",
    "order_filled": "fill",
    "position_opened": "position",
    "position_changed": "position",
    "position_closed": "closed",
}


def _is_of(fact: FactRow, order: Order) -> bool:
    """Whether a fact of the correlation is about this order: an entry and its exits share one correlation."""
    told = fact[4]
    if "order_key" in told:
        return bool(told["order_key"] == order.key)
    if "signal_id" in told:
        return bool(told["signal_id"] == order.intent.signal_id)
    if "side" in told:
        return bool(told["side"] == order.intent.side.value)
    is_exit = order.intent.side.value == "SELL"
    return fact[1] == ("position_closed" if is_exit else "position_opened") or (
        fact[1] == "position_changed" and order.created_at <= fact[0] <= order.updated_at
    )


def _gate(gates: list[FactRow]) -> str | None:
    if not gates:
        return None
    told = gates[-1][4]
    return f"{told['gate']} {told['reasons']}".strip()


def _recorded_tick(inputs: Path, order: Order, raised: FactRow | None) -> dict[str, Any] | None:
    """Return the very tick of the recorded inputs that the order came from."""
    file = inputs / f"{order.day:%Y%m%d}.jsonl.gz"
    if raised is None or not file.exists():
        return None
    for line in read_lines(file):
        if line[0] == "look" and line[4] == "queued" and datetime.fromisoformat(line[1]) == raised[0]:
            symbol, price, at, ask, bid, *_, source = line[3]
            if symbol == order.intent.symbol:
                return {"at": datetime.fromisoformat(at), "price": price, "ask": ask, "bid": bid, "source": source}
    return None


def _bars_before(inputs: Path, order: Order) -> dict[str, Any] | None:
    """Return hash, number and last of the bars that stood behind the order."""
    file = inputs / f"{order.day:%Y%m%d}.jsonl.gz"
    told: dict[str, Any] | None = None
    if not file.exists():
        return told
    for line in read_lines(file):
        if datetime.fromisoformat(line[1]) > order.created_at:
            break
        if line[0] == "bars" and line[3] == order.intent.symbol and line[6]:
            told = {"hash": line[4], "count": line[5] + len(line[6]), "last": line[6][-1][0], "close": line[6][-1][4]}
    return told


# --- state -----------------------------------------------------------------------------------------------------------


@click.command(help="help.audit_state")
@click.option("--at", "at_text", required=True, metavar="TIME", help="help.audit_at")
@where
@click.pass_context
def state(ctx: click.Context, at_text: str, data_dir: Path, config_dir: Path) -> int:
    language: Language = ctx.find_root().obj
    try:
        at = datetime.fromisoformat(at_text)
    except ValueError:
        raise UsageError("usage.audit_at", value=at_text) from None
    at = at.replace(tzinfo=KST) if at.tzinfo is None else at.astimezone(KST)

    def gathered(rows: SqlRows) -> tuple[list[FactRow], Any, AccountFigures | None]:
        return rows.facts(types=ASKED, until=at), rows.switch_at(at), rows.figures_at(at)

    with reading(named(data_dir, config_dir)) as database, refusing():
        facts, switch, figures = database.transact_now(gathered)
    for line in _state_lines(language, at, state_then(facts, at), switch, figures):
        click.echo(line)
    return 0


def _state_lines(
    language: Language, at: datetime, then: StateThen, switch: Any, figures: AccountFigures | None
) -> Iterator[str]:
    yield say(language, "audit.state.at", at=f"{at:%Y-%m-%d %H:%M:%S}")
    if then.runs_since is None:
        yield say(language, "audit.state.not_running")
    else:
        yield say(language, "audit.state.running", since=f"{then.runs_since:%Y-%m-%d %H:%M:%S}")
    if switch is None:
        yield say(language, "audit.state.no_switch")
    else:
        yield say(
            language,
            "audit.state.switch",
            status=switch.kill_switch_status.upper(),
            scope=switch.scope,
            since=told_at(f"{switch.since}+00:00"),
            by=switch.actor,
            reason=switch.kill_switch_reason or "-",
        )
    since = None if then.gate_since is None else f"{then.gate_since:%Y-%m-%d %H:%M:%S}"
    yield say(language, "audit.state.gate", gate=then.gate or "HALTED", reasons=then.gate_reasons or None, since=since)
    yield say(language, "audit.state.positions", count=len(then.positions))
    for told in then.positions.values():
        yield "  " + say(language, "audit.state.position", **told)
    yield say(language, "audit.state.orders", count=len(then.orders))
    for told in then.orders.values():
        yield "  " + say(language, "audit.state.order", **{"quantity": None, "price": None, "filled": None} | told)
    yield say(
        language,
        "audit.state.day",
        day=then.day.isoformat(),
        buys=then.buys,
        sells=then.sells,
        realized=won(language, then.realized, sign=True),
        costs=won(language, then.fees),
    )
    if figures is not None:
        yield say(
            language,
            "audit.state.account",
            cash=figures.cash,
            holdings=figures.holdings_value,
            equity=figures.cash + figures.holdings_value,
            at=f"{figures.at:%Y-%m-%d %H:%M:%S}",
        )
    elif then.last_summary is not None:
        summary = then.last_summary
        yield say(
            language,
            "audit.state.account",
            cash=summary["cash"],
            holdings=summary["equity"] - summary["cash"],
            equity=summary["equity"],
            at=summary["day"],
        )
