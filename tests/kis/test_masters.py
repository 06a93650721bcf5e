"""The master files: read as their decoded samples say, refused line by line, replaced only by something better."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import os
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from time import process_time

import pytest
from aiohttp import web

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Market, Symbol
from kis_daemon.kis.master_files import FILES, MasterFiles, MasterLimits
from kis_daemon.kis.masters import (
    CapSize,
    MarketWarning,
    MasterBook,
    MasterError,
    MasterRecord,
    Overheated,
    SecurityGroup,
    read_masters,
)
from kis_daemon.ports import ProtocolError

SAMSUNG, ECOPRO = Symbol("005930"), Symbol("086520")
BOARDS = (Market.KOSPI, Market.KOSDAQ)
DAYS = ("2023-05-11", "2026-02-10")
NOON = datetime(2026, 2, 10, 12, 0, tzinfo=KST)

# where a made-up line's fields stand: {board: {field: (offset in the tail, width)}}
PLACES = {
    Market.KOSPI: {"suspended": (60, 1), "warning": (63, 2), "base_price": (41, 9), "listed_on": (105, 8)},
    Market.KOSDAQ: {"suspended": (55, 1), "warning": (58, 2), "base_price": (36, 9), "listed_on": (100, 8)},
}
WIDTH = {Market.KOSPI: 227, Market.KOSDAQ: 221}


def real(shared_data: Path, board: Market, day: str) -> bytes:
    return gzip.decompress((shared_data / "master" / f"{board.value.lower()}_code_{day}.mst.gz").read_bytes())


def sample(shared_data: Path, board: Market, day: str) -> list[dict[str, str]]:
    path = shared_data / "master" / f"{board.value.lower()}_decoded_sample_{day}.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def a_line(code: str = "005930", name: str = "삼성전자", board: Market = Market.KOSPI, **fields: str) -> bytes:
    """Return a line whose fields are blank zeros but for the flags, and for `fields`."""
    tail = bytearray(b"0" * WIDTH[board])
    tail[0:3] = b"ST1"
    start = PLACES[board]["suspended"][0]
    tail[start : start + 3] = b"NNN"
    for at in (16, 29, start + 5, 160) if board is Market.KOSPI else (16, 24, 30, start + 5, 155):
        tail[at : at + 1] = b"N"
    for field, value in fields.items():
        at, width = PLACES[board][field]
        tail[at : at + width] = value.encode().ljust(width)
    return code.ljust(9).encode() + b"KR7005930003" + name.encode("cp949") + bytes(tail)


# what the files say


@pytest.mark.parametrize("day", DAYS)
def test_kospi_is_read_as_its_decoded_sample(shared_data: Path, day: str) -> None:
    book = MasterBook([read_masters(Market.KOSPI, real(shared_data, Market.KOSPI, day))])

    compared = 0
    for row in sample(shared_data, Market.KOSPI, day):
        record = book.get(Symbol(row["단축코드"].strip()))
        if record is None:
            assert len(row["단축코드"].strip()) != 6
            continue
        compared += 1
        assert told(record) == expected(
            row,
            cap="시가총액규모",
            low="저유동성",
            spac="SPAC",
            hot="단기과열",
            base="기준가",
            halt="거래정지",
            liquidation="정리매매",
            administration="관리종목",
            warning="시장경고",
            noticed="경고예고",
            margin="증거금비율",
            volume="전일거래량",
            listed="상장일자",
            shares="상장주수",
            preferred="우선주",
            surging="이상급등",
            cap_eok="시가총액",
        )
        assert record.kospi200 is (row["KOSPI200섹터업종"] not in ("0", "", " "))
        assert not record.kosdaq150
    assert compared >= 10


@pytest.mark.parametrize("day", DAYS)
def test_kosdaq_is_read_as_its_decoded_sample(shared_data: Path, day: str) -> None:
    book = MasterBook([read_masters(Market.KOSDAQ, real(shared_data, Market.KOSDAQ, day))])

    rows = sample(shared_data, Market.KOSDAQ, day)
    for row in rows:
        record = book.get(Symbol(row["단축코드"].strip()))
        assert record is not None
        assert told(record) == expected(
            row,
            cap="시가총액 규모 구분 코드 유가",
            low="저유동성종목 여부",
            spac="기업인수목적회사여부",
            hot="단기과열종목구분코드",
            base="주식 기준가",
            halt="거래정지 여부",
            liquidation="정리매매 여부",
            administration="관리 종목 여부",
            warning="시장 경고 구분 코드",
            noticed="시장 경고위험 예고 여부",
            margin="증거금 비율",
            volume="전일 거래량",
            listed="주식 상장 일자",
            shares="상장 주수(천)",
            preferred="우선주 구분 코드",
            surging="이상급등종목여부",
            cap_eok="전일기준 시가총액 (억)",
        )
        assert record.kosdaq150 is (row["KOSDAQ150지수여부 (Y,N)"] == "Y")
        assert record.attention is (row["(코스닥)투자주의환기종목여부"] == "Y")
    assert len(rows) >= 30


def told(record: MasterRecord) -> tuple[object, ...]:
    return (
        record.isin,
        record.name,
        record.cap_size.value,
        record.low_liquidity,
        record.spac,
        record.overheated.value,
        record.base_price,
        record.suspended,
        record.in_liquidation,
        record.under_administration,
        record.warning.value,
        record.warning_noticed,
        record.margin_rate_pct,
        record.previous_volume,
        record.listed_on,
        record.listed_shares,
        record.preferred,
        record.surging,
        record.market_cap,
    )


def expected(row: dict[str, str], **names: str) -> tuple[object, ...]:
    """Return what `told` is to be, from a row of a decoded sample."""
    listed = row[names["listed"]].strip()
    return (
        row["표준코드"],
        row["한글명"].strip(),
        row[names["cap"]].strip() or "0",
        row[names["low"]] == "Y",
        row[names["spac"]] == "Y",
        row[names["hot"]].strip() or "0",
        int(row[names["base"]]),
        row[names["halt"]] == "Y",
        row[names["liquidation"]] == "Y",
        row[names["administration"]] == "Y",
        row[names["warning"]],
        row[names["noticed"]] == "Y",
        int(row[names["margin"]]),
        int(row[names["volume"]]) % (1 << 32),
        date.fromisoformat(listed) if listed.strip("0") else None,
        int(row[names["shares"]]) * 1000,
        row[names["preferred"]].strip() not in ("0", ""),
        row[names["surging"]] == "Y",
        int(row[names["cap_eok"]]) * 100_000_000,
    )


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("board", BOARDS)
def test_every_line_of_a_real_file_is_read_or_left_out(shared_data: Path, board: Market, day: str) -> None:
    data = real(shared_data, board, day)

    read = read_masters(board, data)

    assert read.refused == ()
    assert len(read.records) + read.left_out == len(data.splitlines())


@pytest.mark.parametrize("day", DAYS)
def test_the_members_of_the_kospi_200_are_its_list(shared_data: Path, day: str) -> None:
    read = read_masters(Market.KOSPI, real(shared_data, Market.KOSPI, day))

    with (shared_data / "master" / f"kospi200_members_{day}.csv").open(encoding="utf-8-sig", newline="") as file:
        members = {row["단축코드"] for row in csv.DictReader(file)}

    assert {record.symbol for record in read.records if record.kospi200} == members
    assert len(members) == 200


def test_a_volume_beyond_two_to_the_31_that_is_told_as_negative_is_read(shared_data: Path) -> None:
    book = MasterBook([read_masters(Market.KOSPI, real(shared_data, Market.KOSPI, "2026-02-10"))])
    inverse = book.get(Symbol("252670"))

    assert inverse is not None
    assert inverse.previous_volume == 3_123_286_528
    assert (inverse.market, inverse.group) == (Market.ETF, SecurityGroup.ETF)


def test_a_whole_file_is_read_within_a_tenth_of_a_second(shared_data: Path) -> None:
    data = real(shared_data, Market.KOSPI, "2026-02-10")

    took = []
    for _ in range(3):
        began = process_time()
        read_masters(Market.KOSPI, data)
        took.append(process_time() - began)

    assert min(took) < 0.1


# a line


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", ["삼성전자", "A", "한글 ABC 1호(우선주)전환사채가아닌긴이름", ""])
def test_fields_are_counted_from_the_lines_end_whatever_the_name(board: Market, name: str) -> None:
    line = a_line(name=name, board=board, suspended="Y", warning="02", base_price="000071900", listed_on="20070720")

    (record,) = read_masters(board, line).records

    assert (record.name, record.suspended, record.warning) == (name, True, MarketWarning.WARNING)
    assert (record.base_price, record.listed_on, record.market) == (71_900, date(2007, 7, 20), board)
    assert (record.cap_size, record.overheated) == (CapSize.LARGE, Overheated.NONE)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_ends_of_lines_do_not_matter(end: bytes) -> None:
    assert len(read_masters(Market.KOSPI, a_line() + end).records) == 1


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (a_line(suspended="X"), "suspended"),
        (a_line(suspended=" "), "suspended"),
        (a_line(warning="9 "), "warning"),
        (a_line(base_price="12,345"), "base_price"),
        (a_line(base_price="-5"), "base_price"),
        (a_line(base_price="         "), "base_price"),
        (a_line(listed_on="20071350"), "listed_on"),
        (a_line(code="00593a"), "symbol"),
        (a_line()[:200], "length"),
        (a_line().replace(b"KR7005930003", b"KR70059300 3"), "isin"),
        (a_line().replace("삼성전자".encode("cp949"), b"\xff\xff\xff\xff"), "name"),
    ],
)
def test_a_bad_line_is_told_by_number_and_field_and_costs_no_other(line: bytes, field: str) -> None:
    good = a_line(code="000660", name="SK하이닉스")

    read = read_masters(Market.KOSPI, b"\n".join([good, line, good]))

    assert [record.symbol for record in read.records] == ["000660", "000660"]
    (error,) = read.refused
    assert (error.line_no, error.field) == (2, field)
    assert isinstance(error, MasterError)
    assert str(error).startswith(f"line 2, {field}: ")


def test_codes_that_are_not_six_characters_are_left_out() -> None:
    lines = [a_line(), a_line(code="Q500001"), a_line(code="F70100022")]

    read = read_masters(Market.KOSPI, b"\n".join(lines))

    assert (len(read.records), read.left_out, read.refused) == (1, 2, ())


def test_a_security_group_that_is_new_is_other() -> None:
    line = a_line()
    at = len(line) - WIDTH[Market.KOSPI]

    (record,) = read_masters(Market.KOSPI, line[:at] + b"ZZ" + line[at + 2 :]).records

    assert record.group is SecurityGroup.OTHER


@pytest.mark.parametrize("data", [b"", b"\n", b"<html>404</html>", b"\0" * 1000])
def test_a_file_without_a_readable_line_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="no line"):
        read_masters(Market.KOSPI, data)


# the files on disk


class Noon:
    """`ports.Clock` that stands at noon of a day."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    async def sleep_until(self, when: datetime) -> None:
        self.at = max(self.at, when)


def packed(data: bytes, name: str) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return into.getvalue()


def lines(count: int, board: Market) -> bytes:
    return b"\n".join(a_line(code=f"{100_000 + index}", board=board) for index in range(count))


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Mirror:
    """A server of master files: what is in `bodies`, or what `answer` says."""

    def __init__(self) -> None:
        self.bodies = {f"{name}.zip": packed(lines(10, board), name) for board, name in FILES.items()}
        self.answer: Answer | None = None
        self.asked: list[str] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.match_info["name"])
        if self.answer is not None:
            return await self.answer(request)
        return web.Response(body=self.bodies[request.match_info["name"]])


@asynccontextmanager
async def a_mirror() -> AsyncIterator[Mirror]:
    mirror = Mirror()
    app = web.Application()
    app.router.add_get("/master/{name}", mirror.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    mirror.url = f"http://{host}:{port}/master"
    try:
        yield mirror
    finally:
        await runner.cleanup()


async def test_both_files_are_fetched_once_a_day_and_kept(tmp_path: Path) -> None:
    clock = Noon()
    async with a_mirror() as mirror:
        files = MasterFiles(tmp_path / "masters", clock, url=mirror.url)
        await files.refresh()
        await files.refresh()
        clock.at += timedelta(days=1)
        await files.refresh()

    assert mirror.asked == ["kospi_code.mst.zip", "kosdaq_code.mst.zip"] * 2
    assert files.fetched_on(Market.KOSPI) == date(2026, 2, 11)
    assert len(files.book) == 10
    assert sorted(path.name for path in (tmp_path / "masters").iterdir()) == ["kosdaq_code.mst", "kospi_code.mst"]


async def test_a_restart_of_the_same_day_reads_the_disk_and_fetches_nothing(tmp_path: Path) -> None:
    async with a_mirror() as mirror:
        await MasterFiles(tmp_path, Noon(), url=mirror.url).refresh()
        again = MasterFiles(tmp_path, Noon(), url=mirror.url)
        again.load()
        await again.refresh()

    assert len(mirror.asked) == 2
    assert again.book.get(Symbol("100000")) is not None


async def test_a_file_on_disk_that_cannot_be_read_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "kospi_code.mst").write_bytes(b"torn")
    os.utime(tmp_path / "kospi_code.mst", (NOON.timestamp(), NOON.timestamp()))
    async with a_mirror() as mirror:
        files = MasterFiles(tmp_path, Noon(), url=mirror.url)
        files.load()
        await files.refresh()

    assert len(files.book) == 10


async def _not_found(_: web.Request) -> web.StreamResponse:
    return web.Response(status=404, text="<html>")


async def _a_page(_: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>maintenance</html>")


async def _another_file(_: web.Request) -> web.StreamResponse:
    return web.Response(body=packed(b"hello", "readme.txt"))


async def _half_a_file(request: web.Request) -> web.StreamResponse:
    whole = packed(lines(10, Market.KOSPI), request.match_info["name"].removesuffix(".zip"))
    return web.Response(body=whole[: len(whole) // 2])


async def _too_few(request: web.Request) -> web.StreamResponse:
    board = Market.KOSDAQ if "kosdaq" in request.match_info["name"] else Market.KOSPI
    return web.Response(body=packed(lines(7, board), request.match_info["name"].removesuffix(".zip")))


async def _too_large(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\0" * (9 * 1024 * 1024))


async def _a_bomb(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"].removesuffix(".zip")
    return web.Response(body=packed(b"\0" * (33 * 1024 * 1024), name))


async def _too_slow(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


async def _elsewhere(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://127.0.0.1:1/other")


@pytest.mark.parametrize(
    "answer",
    [
        _not_found,
        _a_page,
        _another_file,
        _half_a_file,
        _too_few,
        _too_large,
        _a_bomb,
        _too_slow,
        _elsewhere,
    ],
)
async def test_a_download_that_failed_leaves_yesterdays_file(tmp_path: Path, answer: Answer) -> None:
    clock = Noon()
    async with a_mirror() as mirror:
        files = MasterFiles(tmp_path, clock, url=mirror.url, limits=MasterLimits(timeout_s=0.5))
        await files.refresh()
        before = (tmp_path / "kospi_code.mst").read_bytes()
        clock.at += timedelta(days=1)
        mirror.answer = answer

        await files.refresh()

    assert (tmp_path / "kospi_code.mst").read_bytes() == before
    assert files.fetched_on(Market.KOSPI) == NOON.date()
    assert len(files.book) == 10


async def test_a_server_that_is_not_there_leaves_nothing_and_raises_nothing(tmp_path: Path) -> None:
    files = MasterFiles(tmp_path, Noon(), url="http://127.0.0.1:1/master")

    await files.refresh()

    assert len(files.book) == 0
    assert files.fetched_on(Market.KOSPI) is None
