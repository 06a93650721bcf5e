"""`proposals generate|list|approve|reject`: what waits for a person (S0-E, S0-G).

Positions are decided about here, beside a running daemon or without one. The order of a signal is placed by the running
daemon at its approval, so that is asked over its HTTP desk.
"""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from kis_daemon.app.cli.stores import opened, warnings_on_stderr, where
from kis_daemon.app.entropy import SystemEntropy
from kis_daemon.app.errors import UsageError
from kis_daemon.app.files import git_commit
from kis_daemon.app.options import DOTENV, RunOptions
from kis_daemon.app.settings import Settings, load_settings
from kis_daemon.clock import SystemClock
from kis_daemon.console.catalogue import Language, say
from kis_daemon.domain.allocation import AllocationRules, allocate, read_snapshot
from kis_daemon.domain.approvals import ApprovalRules, ProposalStatus, StoredProposal
from kis_daemon.domain.market import Symbol
from kis_daemon.ports import Alert
from kis_daemon.services.approvals import Provenance, RecordsIssuer, TokenMint
from kis_daemon.services.journal import Journal
from kis_daemon.services.proposal_desk import LISTED, NotDecided, ProposalDesk
from kis_daemon.services.proposals_made import keep_proposal
from kis_daemon.store.database import Database
from kis_daemon.store.schema import SCHEMA_VERSION

T = TypeVar("T")

_ANSWER_S = 40.0


@click.group(help="help.proposals")
def command() -> None:
    """The group; each command below works on the daemon's database."""


@command.command(help="help.proposals_generate")
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("data/sample_snapshot.json"),
    show_default=True,
    help="help.proposals_snapshot",
)
@where
def generate(snapshot: Path, data_dir: Path, config_dir: Path) -> None:
    rules = AllocationRules()
    try:
        text = snapshot.read_text("utf-8")
        seen = read_snapshot(json.loads(text))
        payload = allocate(seen, rules)
    except OSError as error:
        raise UsageError("usage.proposals_snapshot", place=snapshot, reason=error.strerror) from None
    except (ValueError, RecursionError) as error:
        raise UsageError("usage.proposals_snapshot", place=snapshot, reason=str(error)) from None
    provenance = Provenance(config_hash=rules.config_hash, git_commit_sha=git_commit(), schema_version=SCHEMA_VERSION)
    with opened(data_dir, config_dir) as database:
        at, entropy = SystemClock().now(), SystemEntropy()
        made = database.transact_now(lambda rows: keep_proposal(rows, at, entropy, seen, text, payload, provenance))
    click.echo(f"proposal_id={made.proposal_id}")
    click.echo(f"correlation_id={made.correlation_id}")


@command.command("list", help="help.proposals_list")
@click.option("--status", type=click.Choice([status.value for status in ProposalStatus]), help="help.proposals_status")
@where
@click.pass_context
def list_(ctx: click.Context, status: str | None, data_dir: Path, config_dir: Path) -> None:
    language: Language = ctx.find_root().obj
    with opened(data_dir, config_dir) as database:
        wanted = None if status is None else ProposalStatus(status)
        found = database.transact_now(lambda rows: rows.proposals(wanted, LISTED))
    for proposal in found:
        click.echo(
            say(
                language,
                "proposals.row",
                proposal_id=proposal.proposal_id,
                status=proposal.status.value,
                created_at=f"{proposal.created_at:%Y-%m-%d %H:%M:%S}",
                what=_what(proposal, language),
            )
        )
    if not found:
        click.echo(say(language, "proposals.none"))


@command.command(help="help.proposals_approve")
@click.argument("proposal")
@click.option("--by", required=True, help="help.proposals_by")
@click.option(
    "--expires-in", type=click.IntRange(1, 86_400), default=3600, show_default=True, help="help.proposals_expires"
)
@where
def approve(proposal: str, by: str, expires_in: int, data_dir: Path, config_dir: Path) -> None:
    _refuse_blanks(by)
    settings = _settings(data_dir, config_dir)
    with opened(data_dir, config_dir) as database:
        stored = database.transact_now(lambda rows: rows.proposal(proposal))
        if stored is not None and stored.is_of_a_signal:
            body = {"approved_by": by, "expires_in_seconds": expires_in}
            click.echo(_ask_the_daemon(settings, f"/proposals/{proposal}/approve", body))
            return
        if settings.jwt_secret is None:
            raise UsageError("usage.no_secret")
        secret = settings.jwt_secret.get_secret_value().encode()
        life = timedelta(seconds=expires_in)
        done = _decided(database, secret, lambda desk: desk.approve(proposal, by.strip()[:100], life))
    click.echo(
        json.dumps(
            {
                "approval_id": done.approval_id,
                "proposal_id": done.proposal.proposal_id,
                "token": done.token,
                "token_hash": done.approval.token_hash,
                "token_jti": done.approval.token_jti,
                "token_expires_at": done.approval.token_expires_at.isoformat(),
            }
        )
    )


@command.command(help="help.proposals_reject")
@click.argument("proposal")
@click.option("--by", required=True, help="help.proposals_by")
@click.option("--reason", required=True, help="help.proposals_reason")
@where
@click.pass_context
def reject(ctx: click.Context, proposal: str, by: str, reason: str, data_dir: Path, config_dir: Path) -> None:
    _refuse_blanks(by, reason)
    language: Language = ctx.find_root().obj
    with opened(data_dir, config_dir) as database:
        done = _decided(database, bytes(32), lambda desk: desk.reject(proposal, by.strip()[:100], reason.strip()))
    click.echo(say(language, "proposals.rejected", proposal_id=done.proposal_id))


class _Nobody:
    """A command tells its own news."""

    def tell(self, alert: Alert) -> None:
        """The log of a command is what it prints."""


def _decided(database: Database, secret: bytes, decide: Callable[[ProposalDesk], Awaitable[T | NotDecided]]) -> T:
    """Take a decision at a desk of its own on this database; a refusal is one line."""

    async def ask() -> T | NotDecided:
        clock = SystemClock()
        desk = ProposalDesk(
            journal=Journal(database, clock, _Nobody()),
            issuer=RecordsIssuer(TokenMint(secret, SystemEntropy(), clock), database),
            clock=clock,
            provenance=Provenance(config_hash="", git_commit_sha="", schema_version=SCHEMA_VERSION),
            terms=ApprovalRules(),
            look=_no_market,
            last_price=_no_price,
            forbids=lambda _: None,
            place=None,
        )
        return await decide(desk)

    with warnings_on_stderr():
        done = asyncio.run(ask())
    if isinstance(done, NotDecided):
        raise UsageError("usage.proposals_refused", code=done.code, reason=done.reason)
    return done


async def _no_market(_symbol: Symbol) -> None:
    """Nobody is asked for a price here."""


def _no_price(_symbol: Symbol) -> None:
    """No market is watched here."""


def _ask_the_daemon(settings: Settings, path: str, body: dict[str, Any]) -> str:
    """Return what the running daemon answers."""
    token = settings.http.operator or settings.http.admin
    if token is None:
        raise UsageError("usage.proposals_role")
    address = next(iter(settings.http.addresses), None)
    place = f"http://{address}"
    request = urllib.request.Request(
        place + path,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token.get_secret_value()}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as refused:
        told = json.loads(refused.read() or b"{}")
        raise UsageError(
            "usage.proposals_refused", code=told.get("error", refused.code), reason=told.get("reason", "")
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError("usage.proposals_daemon", address=place, reason=str(error)) from None


def _settings(data_dir: Path, config_dir: Path) -> Settings:
    # Which symbols are traded does not matter here
    options = RunOptions(
        data_dir=data_dir, config_dir=config_dir, confirm_real_trading=True, symbols=(Symbol("000000"),)
    )
    return load_settings(options, os.environ, DOTENV)


def _what(proposal: StoredProposal, language: Language) -> str:
    content = proposal.content
    if proposal.is_of_a_signal:
        price = content.get("price") or "market"
        return f"{content.get('side')} {content.get('symbol')} {content.get('quantity')} @ {price}"
    positions = content.get("positions") or []
    symbols = ",".join(str(each.get("symbol")) for each in positions)
    return say(language, "proposals.positions", count=len(positions), symbols=symbols)


def _refuse_blanks(*words: str) -> None:
    if not all(word.strip() for word in words):
        raise UsageError("usage.proposals_words")
