"""What persons have switched off, while the database is away: known, changed, and written when it is back."""

from __future__ import annotations

from pathlib import Path

from kis_daemon.domain.safeguards import KillSwitchScope
from kis_daemon.services import closings, kill_switch, pauses
from kis_daemon.services.book import Book
from kis_daemon.services.closings import CLOSINGS_MARK
from kis_daemon.services.journal import Journal
from kis_daemon.services.kill_switch import ReleaseRules, ReleaseTry
from kis_daemon.services.operator_answers import Declined, DeclinedCode, Released, Source
from kis_daemon.services.switches import Switches
from kis_daemon.store.spare import SpareRecords
from tests.services.builders import TEN_O_CLOCK, a_position
from tests.services.fakes import HeardNotifier
from tests.services.trading import the_calendar
from tests.store.builders import by_hand
from tests.store.spares import Troubled, lived, spare
from tests.store.test_spare import Noon, mended

REAL = ReleaseRules(code_always=True)
CHANCE = bytes.fromhex("a0a1a2") + bytes(16)


def watching(records: SpareRecords) -> Switches:
    journal = Journal(records, Noon(), HeardNotifier())
    made = Switches(book=Book(), journal=journal, calendar=the_calendar(), clock=Noon(), file=None)
    made.watch_mark(CLOSINGS_MARK, lambda _: None)
    return made


@lived
async def test_what_another_process_asked_for_is_known_when_the_database_goes(primary: Troubled, folder: Path) -> None:
    primary.database.transact_now(lambda rows: kill_switch.release(rows, TEN_O_CLOCK, "a test", "kim"))
    async with spare(primary, folder) as records:
        switches = watching(records)
        primary.database.transact_now(lambda rows: rows.save_position(a_position()))
        primary.database.transact_now(lambda rows: closings.ask_all(rows, TEN_O_CLOCK, "out", "kim", confirmed=False))
        switches.take(await records.transact(switches.look))

        primary.away = "gone"

        assert switches.pause.paused
        assert (await records.transact(lambda rows: pauses.current(rows))).paused
        assert len(await records.transact(lambda rows: closings.current(rows))) == 1


@lived
async def test_the_switch_is_turned_while_the_database_is_away_and_written_when_it_is_back(
    primary: Troubled, folder: Path
) -> None:
    primary.database.transact_now(lambda rows: kill_switch.release(rows, TEN_O_CLOCK, "a test", "kim"))
    wanted = kill_switch.wanted(TEN_O_CLOCK, "smoke", "lee", KillSwitchScope.ALL)
    async with spare(primary, folder) as records:
        primary.away = "gone"
        made = await records.transact(
            lambda rows: kill_switch.activate_by_person(rows, wanted, source=Source.API, chance=CHANCE, rules=REAL)
        )
        wrong = await records.transact(lambda rows: kill_switch.try_release(rows, TEN_O_CLOCK, a_try("000000"), REAL))
        primary.away = ""
        await mended(records)
        stored = primary.database.transact_now(lambda rows: rows.kill_switch())
        view = primary.database.transact_now(lambda rows: kill_switch.view(rows, TEN_O_CLOCK, REAL))
        released = await records.transact(
            lambda rows: kill_switch.try_release(rows, TEN_O_CLOCK, a_try(made.confirmation_code), REAL)
        )

    assert isinstance(wrong, Declined)
    assert wrong.code is DeclinedCode.CODE_WRONG
    assert (stored.is_active, stored.reason, view.code_hash) == (True, "smoke", made.view.code_hash)
    assert isinstance(released, Released)
    assert by_hand(folder / "kis_trading.db", "SELECT trigger_source, status FROM kill_switch_events") == [
        ("api", "deactivated")
    ]


def a_try(code: str) -> ReleaseTry:
    return ReleaseTry(reason="checked", by="kim", source=Source.API, confirmation_code=code)
