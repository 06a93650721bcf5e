"""Keys: one issuance at a time, kept safely over a restart, renewed in time, never faster than KIS allows."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import structlog

from kis_daemon.clock import LoopClock
from kis_daemon.domain.calendar import KST
from kis_daemon.kis.budget import CALL_LIMITS, Budget
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.key_file import Key, KeyFile
from kis_daemon.kis.tokens import KeyKeeper, StreamKeys, read_expiry
from kis_daemon.kis.transport import Transport
from kis_daemon.kis.wire import Answer, Row
from kis_daemon.kis.wire_errors import read_key
from kis_daemon.ports import AccessRefused, BrokerUnreachable, ProtocolError, RateLimited
from tests.kis.builders import (
    CREDENTIALS,
    TODAY,
    Kis,
    Seen,
    a_clock,
    a_server,
    an_open_kis,
    http,
    in_virtual_time,
    payload,
)

OWNER = CREDENTIALS.owner(KisProfile.PAPER)


@dataclass
class FakeIssuer:
    """Issues numbered keys with the rules of access tokens; fails as often as it is told."""

    clock: LoopClock
    lasts: timedelta = timedelta(hours=24)
    takes_s: float = 0.5
    kind: str = "access_token"
    gap_s: float = 60.0
    errors: list[Exception] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)

    async def issue(self) -> Key:
        self.asked_at.append(asyncio.get_running_loop().time())
        now = self.clock.now()
        await asyncio.sleep(self.takes_s)
        if self.errors:
            raise self.errors.pop(0)
        return Key(text=f"key-{len(self.asked_at)}", issued_at=now, expires_at=now + self.lasts)

    def is_usable(self, key: Key, now: datetime) -> bool:
        return now < key.expires_at - timedelta(minutes=10) and now.date() == key.issued_at.date()


def a_keeper(issuer: FakeIssuer, path: Path | None = None) -> KeyKeeper:
    return KeyKeeper(issuer, KeyFile(path, OWNER), issuer.clock)


def test_many_who_ask_at_once_share_one_issuance() -> None:
    async def work() -> tuple[list[str], int]:
        issuer = FakeIssuer(a_clock())
        keeper = a_keeper(issuer)
        keys = await asyncio.gather(*(keeper.key() for _ in range(20)))
        return list(keys), len(issuer.asked_at)

    assert in_virtual_time(work()) == (["key-1"] * 20, 1)


def test_those_who_waited_for_an_issuance_that_failed_hear_of_it_and_do_not_ask_again() -> None:
    async def work() -> tuple[list[Any], int, str]:
        issuer = FakeIssuer(a_clock(), errors=[AccessRefused("no", code="EGW00103")])
        keeper = a_keeper(issuer)
        told = await asyncio.gather(*(keeper.key() for _ in range(5)), return_exceptions=True)
        asked = len(issuer.asked_at)
        return list(told), asked, await keeper.key()

    told, asked, later = in_virtual_time(work())

    assert all(isinstance(error, AccessRefused) and error.code == "EGW00103" for error in told)
    assert (asked, later) == (1, "key-2")


def test_an_issuance_whose_caller_is_cancelled_is_finished_and_kept_for_the_others() -> None:
    async def work() -> tuple[str, list[float]]:
        issuer = FakeIssuer(a_clock())
        keeper = a_keeper(issuer)
        first = asyncio.create_task(keeper.key())
        second = asyncio.create_task(keeper.key())
        await asyncio.sleep(0.1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second, issuer.asked_at

    assert in_virtual_time(work()) == ("key-1", [0.0])


def test_a_cancelled_issuance_that_fails_is_a_cancellation_and_the_next_asks_anew() -> None:
    async def work() -> str:
        keeper = a_keeper(FakeIssuer(a_clock(), errors=[BrokerUnreachable("down")]))
        first = asyncio.create_task(keeper.key())
        await asyncio.sleep(0.1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await keeper.key()

    assert in_virtual_time(work()) == "key-2"


@pytest.mark.parametrize(
    ("at", "later", "renewed"),
    [
        (datetime(2026, 11, 18, 9, 0, tzinfo=KST), timedelta(hours=14), False),
        (datetime(2026, 11, 18, 9, 0, tzinfo=KST), timedelta(hours=15, seconds=1), True),  # another date
        (datetime(2026, 11, 18, 23, 59, tzinfo=KST), timedelta(minutes=2), True),  # within minutes of its issue
    ],
)
def test_a_token_is_renewed_on_the_change_of_the_date_in_seoul(at: datetime, later: timedelta, renewed: bool) -> None:
    async def work() -> bool:
        issuer = FakeIssuer(a_clock(at))
        keeper = a_keeper(issuer)
        await keeper.key()
        await asyncio.sleep(later.total_seconds())
        return await keeper.key() == "key-2"

    assert in_virtual_time(work()) is renewed


@pytest.mark.parametrize(("after_s", "renewed"), [(3_000 - 1.0, False), (3_000.0, True)])
def test_a_token_is_renewed_ten_minutes_before_its_end(after_s: float, renewed: bool) -> None:
    async def work() -> bool:
        keeper = a_keeper(FakeIssuer(a_clock(), lasts=timedelta(hours=1), takes_s=0))
        await keeper.key()
        await asyncio.sleep(after_s)
        return await keeper.key() == "key-2"

    assert in_virtual_time(work()) is renewed


def test_a_token_whose_stated_end_has_come_is_used_for_the_six_hours_in_which_kis_gives_no_other() -> None:
    async def work() -> list[float]:
        issuer = FakeIssuer(a_clock(), lasts=timedelta(0), takes_s=0)
        keeper = a_keeper(issuer)
        for _ in range(13 * 60):
            await keeper.key()
            await asyncio.sleep(60)
        return issuer.asked_at

    assert in_virtual_time(work()) == [0.0, 6 * 3600.0, 12 * 3600.0]


def test_a_refused_token_is_forgotten_at_once_and_asked_for_within_the_minute_s_rule() -> None:
    async def work() -> tuple[str, str, list[float]]:
        issuer = FakeIssuer(a_clock(), takes_s=0)
        keeper = a_keeper(issuer)
        first = await keeper.key()
        await asyncio.sleep(10)
        keeper.refuse("another")
        assert keeper.current() == first
        keeper.refuse(first)
        assert keeper.current() is None
        return first, await keeper.key(), issuer.asked_at

    assert in_virtual_time(work()) == ("key-1", "key-2", [0.0, 60.0])


def test_told_to_wait_we_wait_a_minute_and_ask_once_more() -> None:
    limited = RateLimited("1/min", code="EGW00133", retry_after_s=60)

    async def work() -> tuple[str, list[float]]:
        issuer = FakeIssuer(a_clock(), takes_s=0, errors=[limited])
        return await a_keeper(issuer).key(), issuer.asked_at

    assert in_virtual_time(work()) == ("key-2", [0.0, 60.0])


def test_told_to_wait_twice_the_limit_reaches_the_caller() -> None:
    limited = RateLimited("1/min", code="EGW00133", retry_after_s=60)

    async def work() -> None:
        await a_keeper(FakeIssuer(a_clock(), takes_s=0, errors=[limited, limited])).key()

    with pytest.raises(RateLimited):
        in_virtual_time(work())


def test_a_failure_reaches_the_caller_and_an_unreached_server_is_asked_again_at_once() -> None:
    async def work() -> tuple[str, list[float]]:
        issuer = FakeIssuer(a_clock(), takes_s=0, errors=[BrokerUnreachable("down")])
        keeper = a_keeper(issuer)
        with pytest.raises(BrokerUnreachable):
            await keeper.key()
        return await keeper.key(), issuer.asked_at

    assert in_virtual_time(work()) == ("key-2", [0.0, 0.0])


def test_a_new_token_that_is_refused_too_makes_the_gap_longer_and_who_asks_meanwhile_is_refused_at_once() -> None:
    async def work() -> list[float]:
        issuer = FakeIssuer(a_clock(), takes_s=0)
        keeper = a_keeper(issuer)
        for _ in range(30 * 60):
            began = asyncio.get_running_loop().time()
            try:
                keeper.refuse(await keeper.key())
            except AccessRefused:
                assert asyncio.get_running_loop().time() == began
            await asyncio.sleep(1)
        return issuer.asked_at[:5]

    assert in_virtual_time(work()) == pytest.approx([0, 60, 180, 420, 900], abs=1.5)


def test_a_token_that_kis_accepted_ends_the_longer_gap() -> None:
    async def work() -> list[float]:
        issuer = FakeIssuer(a_clock(), takes_s=0)
        keeper = a_keeper(issuer)
        for _ in range(5):
            text = await keeper.key()
            keeper.confirm(text)
            keeper.refuse(text)
        return issuer.asked_at

    assert in_virtual_time(work()) == [0.0, 60.0, 120.0, 180.0, 240.0]


# --- KIS's own rules -------------------------------------------------------------------------------------------------


@dataclass
class BookIssuer:
    """Issues by the book: the same token for six hours, one call a minute, and a time of its own."""

    clock: LoopClock
    server: LoopClock
    stated_s: float = 86_400.0
    kind: str = "access_token"
    gap_s: float = 60.0
    calls: list[float] = field(default_factory=list)
    tokens: list[datetime] = field(default_factory=list)

    async def issue(self) -> Key:
        at, now = asyncio.get_running_loop().time(), self.server.now()
        too_early = bool(self.calls) and at - self.calls[-1] < 60
        self.calls.append(at)
        if too_early:
            raise RateLimited("1/min", code="EGW00133", retry_after_s=60)
        if not self.tokens or now - self.tokens[-1] >= timedelta(hours=6):
            self.tokens.append(now)
        ends = self.tokens[-1] + timedelta(seconds=self.stated_s)
        return Key(text=f"token-{len(self.tokens)}", issued_at=self.clock.now(), expires_at=ends)

    def is_usable(self, key: Key, now: datetime) -> bool:
        return now < key.expires_at - timedelta(minutes=10) and now.date() == key.issued_at.date()

    def accepts(self, text: str) -> bool:
        return self.server.now() < self.tokens[int(text.removeprefix("token-")) - 1] + timedelta(hours=24)


@pytest.mark.parametrize("skew_h", [0, -30, -1, 1, 30])
@pytest.mark.parametrize("stated_s", [86_400.0, 600.0, 864_000.0], ids=["true", "too short", "too long"])
def test_whatever_the_clock_and_the_stated_end_say_calls_pass_and_tokens_are_asked_for_a_few_times_a_day(
    skew_h: int, stated_s: float
) -> None:
    async def work() -> tuple[BookIssuer, int]:
        issuer = BookIssuer(a_clock(TODAY + timedelta(hours=skew_h)), a_clock(TODAY), stated_s)
        keeper = KeyKeeper(issuer, KeyFile(None, OWNER), issuer.clock)
        failed = 0
        for _ in range(4 * 24 * 60):
            for _ in range(2):  # a question and, once, its repetition with a new token
                text = await keeper.key()
                if issuer.accepts(text):
                    keeper.confirm(text)
                    break
                keeper.refuse(text)
            else:
                failed += 1
            await asyncio.sleep(60)
        return issuer, failed

    issuer, failed = in_virtual_time(work())

    assert failed == 0
    assert len(issuer.calls) <= 4 * 8
    assert all(after - before >= 60 for before, after in pairwise(issuer.calls))


def test_the_date_changes_within_six_hours_of_the_issue_and_the_same_token_is_asked_for_once() -> None:
    async def work() -> list[float]:
        late = datetime(2026, 11, 18, 22, 0, tzinfo=KST)
        issuer = BookIssuer(a_clock(late), a_clock(late))
        keeper = KeyKeeper(issuer, KeyFile(None, OWNER), issuer.clock)
        for _ in range(19 * 360):
            assert await keeper.key() == "token-1"
            await asyncio.sleep(10)
        return issuer.calls

    assert in_virtual_time(work()) == [0.0, 2 * 3600.0]


# --- before the open -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_h", "until_h", "asked"),
    [
        (0.0, 7.0, 1),  # there is none yet
        (15.0, 7.0, 1),  # good until then
        (18.0, 7.0, 2),  # it would end in mid-session
        (5.0, 20.0, 1),  # so would this, but KIS would give the same one
    ],
)
def test_a_key_that_would_end_in_mid_session_is_renewed_before_the_open(
    age_h: float, until_h: float, asked: int
) -> None:
    async def work() -> int:
        clock = a_clock(datetime(2026, 11, 18, 0, 0, tzinfo=KST))
        issuer = StreamLike(clock)
        keeper = a_keeper(issuer)
        if age_h:
            await keeper.key()
            await asyncio.sleep(age_h * 3600)
        assert await keeper.warm(clock.now() + timedelta(hours=until_h))
        return len(issuer.asked_at)

    assert in_virtual_time(work()) == asked


class StreamLike(FakeIssuer):
    """A key that outlives its date, as the stream key does."""

    def is_usable(self, key: Key, now: datetime) -> bool:
        return now < key.expires_at - timedelta(hours=1)


def test_a_failed_warming_is_told_and_is_not_raised() -> None:
    async def work() -> tuple[bool, bool]:
        keeper = a_keeper(FakeIssuer(a_clock(), errors=[BrokerUnreachable("down")]))
        until = TODAY + timedelta(hours=4)
        return await keeper.warm(until), await keeper.warm(until)

    assert in_virtual_time(work()) == (False, True)


def test_both_keys_are_there_after_prewarming_and_nobody_waits_for_them_later(tmp_path: Path) -> None:
    async def work() -> None:
        script = Kis(Approval=[http({"approval_key": "uuid"})])
        async with an_open_kis(script, tmp_path) as (kis, _):
            assert await kis.prewarm(TODAY + timedelta(hours=4))
            assert (kis.access_tokens.current(), kis.stream_keys.current()) == ("token-1", "uuid")
            assert [name for _, name in script.calls] == ["tokenP", "Approval"]

    in_virtual_time(work())


def test_the_issue_of_each_key_is_an_event_and_no_event_tells_a_key(tmp_path: Path) -> None:
    async def work() -> None:
        script = Kis(Approval=[http({"approval_key": "stream-key-text"})])
        async with an_open_kis(script, tmp_path, token_path=tmp_path / "keys.json") as (kis, _):
            await kis.prewarm(TODAY + timedelta(hours=4))
            kis.access_tokens.refuse("token-1")

    with structlog.testing.capture_logs() as events:
        in_virtual_time(work())

    assert [entry["event"] for entry in events] == ["access_token_issued", "stream_key_issued", "access_token_refused"]
    assert not any(secret in repr(events) for secret in ("token-1", "stream-key-text", CREDENTIALS.app_key))


# --- over a restart --------------------------------------------------------------------------------------------------


def test_a_stored_key_is_used_after_a_restart_and_its_file_is_its_owner_s_only(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"

    async def work() -> tuple[str, int]:
        old = os.umask(0)
        try:
            await a_keeper(FakeIssuer(a_clock()), path).key()
        finally:
            os.umask(old)
        after = FakeIssuer(a_clock())
        return await a_keeper(after, path).key(), len(after.asked_at)

    assert in_virtual_time(work()) == ("key-1", 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]
    assert CREDENTIALS.app_key not in path.read_text()


def test_the_file_is_never_open_to_others_not_even_as_a_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    fsync = os.fsync

    def look(handle: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", look)
    (tmp_path / ".keys.json.new").write_text("left by a crash")
    (tmp_path / "keys.json").write_text("{}")
    (tmp_path / "keys.json").chmod(0o666)
    key = Key(text="secret", issued_at=TODAY, expires_at=TODAY)

    KeyFile(tmp_path / "keys.json", OWNER).save("access_token", key)

    assert modes == [0o600]
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_another_key_set_s_or_profile_s_stored_key_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = Key(text="secret", issued_at=TODAY, expires_at=TODAY + timedelta(days=1))
    KeyFile(path, OWNER).save("access_token", key)
    other = Credentials(app_key="other", app_secret="s", account="5012345601")

    assert KeyFile(path, OWNER).load("access_token") == key
    assert KeyFile(path, OWNER).load("stream_key") is None
    assert KeyFile(path, CREDENTIALS.owner(KisProfile.REAL)).load("access_token") is None
    assert KeyFile(path, other.owner(KisProfile.PAPER)).load("access_token") is None


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"access_token": 1}', '{"access_token": {"owner": "OWNER", "text": "x"}}',
                '{"access_token": {"owner": "OWNER", "text": "x", "issued_at": "y", "expires_at": "z"}}']
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content.replace("OWNER", OWNER))

    assert KeyFile(path, OWNER).load("access_token") is None
    KeyFile(path, OWNER).save("access_token", Key(text="k", issued_at=TODAY, expires_at=TODAY))
    assert KeyFile(path, OWNER).load("access_token") is not None


def test_a_file_that_cannot_be_written_does_not_keep_the_key_from_its_use(tmp_path: Path) -> None:
    async def work() -> str:
        return await a_keeper(FakeIssuer(a_clock()), tmp_path / "missing" / "keys.json").key()

    assert in_virtual_time(work()) == "key-1"


def test_a_refused_key_is_not_taken_from_the_file_again(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"

    async def work() -> str:
        await a_keeper(FakeIssuer(a_clock()), path).key()
        keeper = a_keeper(FakeIssuer(a_clock()), path)
        keeper.refuse(await keeper.key())
        assert json.loads(path.read_text()) == {}
        return await keeper.key()

    assert in_virtual_time(work()) == "key-1"  # of the new issuer


def test_a_refused_key_that_somebody_stores_again_is_not_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"

    async def work() -> str:
        await a_keeper(FakeIssuer(a_clock()), path).key()
        stored = path.read_bytes()
        issuer = FakeIssuer(a_clock(), asked_at=[0.0])
        keeper = a_keeper(issuer, path)
        keeper.refuse(await keeper.key())
        path.write_bytes(stored)
        return await keeper.key()

    assert in_virtual_time(work()) == "key-2"


# --- the wire --------------------------------------------------------------------------------------------------------


def test_the_recorded_token_and_stream_key_are_read(shared_data: Path) -> None:
    token = read_key(Answer(status=200, body=payload(shared_data, "off_tokenP.json")))
    stream = read_key(Answer(status=200, body=payload(shared_data, "off_Approval.json")))

    assert len(token.text("access_token")) > 300
    assert read_expiry(token, TODAY) == datetime(2023, 12, 22, 8, 16, 59, tzinfo=KST)
    assert stream.text("approval_key")


def test_the_stated_end_outranks_the_stated_duration() -> None:
    both = Row({"access_token_token_expired": "2026-11-19 08:00:00", "expires_in": 1})

    assert read_expiry(both, TODAY) == datetime(2026, 11, 19, 8, tzinfo=KST)
    assert read_expiry(Row({"expires_in": 3600}), TODAY) == TODAY + timedelta(hours=1)
    assert read_expiry(Row({"expires_in": 10**17}), TODAY) == TODAY + timedelta(hours=24)
    with pytest.raises(ProtocolError):
        read_expiry(Row({"access_token_token_expired": "tomorrow"}), TODAY)


@pytest.mark.parametrize(("first", "then"), [(KisProfile.REAL, KisProfile.PAPER), (KisProfile.PAPER, KisProfile.REAL)])
def test_a_token_of_one_venue_never_leaves_for_the_other(first: KisProfile, then: KisProfile, tmp_path: Path) -> None:
    async def work() -> None:
        path = tmp_path / "keys.json"
        async with an_open_kis(Kis(), tmp_path, profile=first, token_path=path) as (kis, _):
            await kis.access_tokens.key()
        (tmp_path / "rest.sock").unlink(missing_ok=True)
        script = Kis(inquire_price=[None])
        async with an_open_kis(script, tmp_path, profile=then, token_path=path) as (kis, server):
            await kis.access_tokens.key()
            assert [request.path for request in server.seen] == ["/oauth2/tokenP"]

    in_virtual_time(work())


def test_a_refused_stream_key_is_asked_for_again_after_a_second(tmp_path: Path) -> None:
    async def work() -> None:
        script = Kis(Approval=[http({"approval_key": "one"}), http({"approval_key": "two"})])
        async with an_open_kis(script, tmp_path) as (kis, _):
            kis.stream_keys.refuse(await kis.stream_keys.key())
            assert await kis.stream_keys.key() == "two"
            first, second = (at for at, _ in script.calls)
            assert 1.0 <= second - first < 1.2

    in_virtual_time(work())


def run_open(work: Coroutine[Any, Any, None]) -> None:
    in_virtual_time(work)


def test_the_token_is_asked_for_as_the_book_writes_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with an_open_kis(Kis(), tmp_path) as (kis, server):
            assert await kis.access_tokens.key() == "token-1"
            assert (server.seen[0].method, server.seen[0].path) == ("POST", "/oauth2/tokenP")
            assert server.seen[0].json == {
                "grant_type": "client_credentials",
                "appkey": CREDENTIALS.app_key,
                "appsecret": CREDENTIALS.app_secret,
            }

    run_open(work())


def test_the_stream_key_s_secret_has_its_other_name_and_it_lives_twenty_three_hours(tmp_path: Path) -> None:
    async def approve(_: Seen) -> bytes | None:
        return http({"approval_key": "uuid"})

    async def work() -> None:
        clock = a_clock()
        async with a_server(approve, tmp_path / "s") as server, Transport(server.endpoint, 5) as transport:
            issuer = StreamKeys(transport, Budget(CALL_LIMITS[KisProfile.REAL]), CREDENTIALS, clock)
            key = await issuer.issue()
            assert key.text == "uuid"
            assert server.seen[0].path == "/oauth2/Approval"
            assert server.seen[0].json["secretkey"] == CREDENTIALS.app_secret
            assert issuer.is_usable(key, TODAY + timedelta(hours=22, minutes=59))
            assert not issuer.is_usable(key, TODAY + timedelta(hours=23, minutes=1))

    run_open(work())


def test_a_token_endpoint_that_issues_nothing_is_said_so(tmp_path: Path) -> None:
    async def work() -> None:
        async with an_open_kis(Kis(tokenP=[http({"token_type": "Bearer"})]), tmp_path) as (kis, _):
            with pytest.raises(ProtocolError):
                await kis.access_tokens.key()

    run_open(work())


def test_a_key_request_over_the_limit_of_all_calls_holds_them_all(tmp_path: Path) -> None:
    async def work() -> None:
        limited = http({"error_code": "EGW00201", "error_description": "초당 거래건수를 초과하였습니다."}, status=500)
        async with an_open_kis(Kis(tokenP=[limited]), tmp_path) as (kis, _):
            with pytest.raises(RateLimited):
                await kis.access_tokens.key()
            assert kis.cooldown.cooldown_s > 0.9

    run_open(work())


def test_credentials_and_keys_show_nothing() -> None:
    shown = repr(CREDENTIALS) + repr(Key(text="the-token", issued_at=TODAY, expires_at=TODAY))

    for secret in (CREDENTIALS.app_key, CREDENTIALS.app_secret, CREDENTIALS.account, "myhtsid1", "the-token"):
        assert secret not in shown
    assert CREDENTIALS.app_key not in OWNER


@pytest.mark.parametrize("account", ["", "50123456", "50123456-01", "501234560a", "50123456０１"])
def test_an_account_of_another_form_is_refused_without_being_told(account: str) -> None:
    with pytest.raises(ValueError) as raised:
        Credentials(app_key="k", app_secret="s", account=account)

    assert not account or account not in str(raised.value)


# --- failures of earlier systems -------------------------------------------------------------------------------------


def test_a_token_is_neither_world_readable_nor_shared_between_paper_and_real_nor_told_in_clear(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    told: list[str] = []

    async def live(profile: KisProfile) -> None:
        folder = tmp_path / profile.value
        folder.mkdir()
        async with an_open_kis(Kis(), folder, profile=profile, token_path=path) as (kis, server):
            told.append(await kis.access_tokens.key())
            assert [request.path for request in server.seen] == ["/oauth2/tokenP"]

    with structlog.testing.capture_logs() as events:
        for profile in KisProfile:
            in_virtual_time(live(profile))

    assert len(told) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(token in repr(events) for token in told)
