"""Keys: one issuance at a time, kept safely over a restart, renewed in time, never faster than KIS allows."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

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


def test_a_waiter_takes_over_when_the_one_who_asks_is_cancelled() -> None:
    async def work() -> str:
        keeper = a_keeper(FakeIssuer(a_clock()))
        first = asyncio.create_task(keeper.key())
        second = asyncio.create_task(keeper.key())
        await asyncio.sleep(0.1)
        first.cancel()
        return await second

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


def test_a_stated_end_in_the_past_does_not_make_us_ask_without_end() -> None:
    async def work() -> list[float]:
        issuer = FakeIssuer(a_clock(), lasts=timedelta(0), takes_s=0)
        keeper = a_keeper(issuer)
        for _ in range(200):
            await keeper.key()
            await asyncio.sleep(1)
        return issuer.asked_at

    assert in_virtual_time(work()) == [0.0, 60.0, 120.0, 180.0]


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
