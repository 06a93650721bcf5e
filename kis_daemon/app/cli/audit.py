"""`audit verify|why|state|replay`: what happened, whether it still says so, and why. Nothing is ever changed here.

Exit codes of `verify` and `replay`: 0 sound or equal, 1 the first difference is named, 64 the command line, 78 what
cannot be opened.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path

import click

from kis_daemon.app.audit_places import inputs_folder, mirror_folder, owner_of, settings_of
from kis_daemon.app.cli.audit_story import reading, state, told_at, why
from kis_daemon.app.cli.stores import named, refusing, where
from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.files import load_calendar
from kis_daemon.console.catalogue import Language, say
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.chain import ANCHOR, Broken, Report, examined_file, lines_of
from kis_daemon.ports import StoreError
from kis_daemon.services.audit_files import MirrorFiles
from kis_daemon.services.audit_inputs import read_lines
from kis_daemon.services.audit_replay import COMPARED, JournalFact, Replay, Replayer
from kis_daemon.services.audit_verify import verified
from kis_daemon.store.database import Database

DIFFERENT = 1
_LAG_S = 2.5  # how far a running daemon's mirror may be behind its database


@click.group(help="help.audit")
def command() -> None:
    """The group; each command below reads the daemon's database."""


command.add_command(why)
command.add_command(state)


@command.command(help="help.audit_verify")
@click.option("--file", "files", type=click.Path(path_type=Path, exists=True), multiple=True, help="help.audit_file")
@click.option("--database", "url", metavar="URL", help="help.audit_database")
@click.option("--mirror", type=click.Path(path_type=Path, exists=True, file_okay=False), help="help.audit_mirror")
@click.option("--log", "logs", type=click.Path(path_type=Path, exists=True), multiple=True, help="help.audit_log")
@click.option("--anchor", "anchors", metavar="HASH", multiple=True, help="help.audit_anchor")
@where
@click.pass_context
def verify(
    ctx: click.Context,
    files: tuple[Path, ...],
    url: str | None,
    mirror: Path | None,
    logs: tuple[Path, ...],
    anchors: tuple[str, ...],
    data_dir: Path,
    config_dir: Path,
) -> int:
    language = ctx.find_root().obj
    heads = [*anchors, *(head for log in logs for head in _anchors_of(log))]
    try:
        if files:
            report = _verify_files(files, heads)
        else:
            report = _verify_database(language, url, mirror, heads, data_dir, config_dir)
    except Broken as broken:
        told = broken.data | {name: told_at(str(value)) for name, value in broken.data.items() if name == "at"}
        click.echo(say(language, "audit.broken", text=say(language, f"audit.broken.{broken.code}", **told)))
        return DIFFERENT
    _show(language, report)
    return 0


def _verify_files(files: tuple[Path, ...], heads: list[str]) -> Report:
    """Verify a folder's mirror, or single files of it, which may begin anywhere in the chain."""
    found = [one for file in files for one in (sorted(file.glob("audit_[0-9]*.json")) if file.is_dir() else [file])]
    if not found:
        raise ConfigurationError("audit.no_files", place=", ".join(map(str, files)))
    return examined_file(lines_of(found), heads, is_stretch=not any(file.is_dir() for file in files))


def _verify_database(
    language: Language, url: str | None, mirror: Path | None, heads: list[str], data_dir: Path, config_dir: Path
) -> Report:
    database = named(data_dir, config_dir) if url is None else Database(url)
    if mirror is not None:
        files: list[Path] | None = sorted(mirror.glob("audit_[0-9]*.json"))
    elif url is None:
        settings = settings_of(data_dir, config_dir)
        kept = MirrorFiles(mirror_folder(settings), owner_of(settings.database))
        mirror, files = kept.where(), kept.files()
    else:
        files = None
    with reading(database):
        try:
            report = asyncio.run(_verified(database, files, heads))
        except StoreError as error:
            raise Broken("unreadable", reason=str(error)) from None
    if files is None:
        click.echo(say(language, "audit.no_mirror"))
    else:
        click.echo(say(language, "audit.mirror", folder=mirror, files=len(files)))
    return report


async def _verified(database: Database, files: list[Path] | None, heads: list[str]) -> Report:
    try:
        try:
            return await verified(database, None if files is None else lines_of(files), heads)
        except Broken as broken:
            if broken.code not in ("mirror_short", "database_short"):
                raise
        # A daemon that runs beside us writes both; what is only late has come by now.
        await asyncio.sleep(_LAG_S)
        return await verified(database, None if files is None else lines_of(files), heads)
    finally:
        await database.aclose()


def _anchors_of(log: Path) -> Iterator[str]:
    """Yield the heads of the anchors that a log of the daemon tells."""
    for line in lines_of([log]):
        if f'"{ANCHOR}"' in line:
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if told.get("event") == ANCHOR and isinstance(told.get("head"), str):
                yield told["head"]


def _show(language: Language, report: Report) -> None:
    last_at = told_at(report.last_at)
    click.echo(
        say(
            language,
            "audit.sound",
            events=report.events,
            adopted=report.adopted,
            anchors=report.anchors,
            last_id=report.last_id,
            last_at=last_at,
            head=report.head,
        )
    )
    if report.unadopted:
        click.echo(say(language, "audit.unadopted", ids=", ".join(map(str, report.unadopted))))
    since = say(language, "audit.beginning") if report.anchored_at is None else told_at(report.anchored_at)
    click.echo(say(language, "audit.unanchored", since=since, tail=report.tail))


@command.command(help="help.audit_replay")
@click.argument("day", type=click.DateTime(["%Y-%m-%d", "%Y%m%d"]))
@where
@click.pass_context
def replay(ctx: click.Context, day: datetime, data_dir: Path, config_dir: Path) -> int:
    language: Language = ctx.find_root().obj
    file = inputs_folder(settings_of(data_dir, config_dir)) / f"{day:%Y%m%d}.jsonl.gz"
    if not file.exists():
        raise ConfigurationError("audit.no_inputs", place=file)
    since = datetime.combine(day.date(), time(), KST)
    until = since + timedelta(days=1) - timedelta(microseconds=1)
    types = [*COMPARED, "order_requested"]
    with reading(named(data_dir, config_dir)) as database, refusing():
        facts = database.transact_now(lambda rows: rows.facts(types=types, since=since, until=until))
    journal = [JournalFact(at=at, type=kind, payload=payload) for at, kind, _, _, payload in facts]
    result = Replayer(journal, load_calendar(config_dir)).run(read_lines(file))
    return _show_replay(language, day, result, file)


def _show_replay(language: Language, day: datetime, result: Replay, file: Path) -> int:
    click.echo(
        say(
            language,
            "audit.replayed",
            day=day.date().isoformat(),
            since="-" if result.since is None else f"{result.since:%H:%M:%S}",
            until="-" if result.until is None else f"{result.until:%H:%M:%S}",
            looks=result.looks,
            bars=result.bars,
            orders=result.orders,
            facts=result.facts,
            kib=round(file.stat().st_size / 1024, 1),
        )
    )
    parted = result.difference
    if parted is None:
        click.echo(say(language, "audit.replay_equal"))
        return 0
    click.echo(
        say(
            language,
            "audit.replay_differs",
            at=f"{parted.at:%H:%M:%S.%f}",
            of=parted.symbol,
            what=parted.what,
            recorded=parted.recorded,
            replayed=parted.replayed,
        )
    )
    return DIFFERENT
