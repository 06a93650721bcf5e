"""The master files on our disk: fetched once a day, kept until a newer one is proven readable.

Rules of this room (the wire contract, 4.2.16)
    A plain HTTPS download without key; it costs no call of the budget. Size and time are limited before anything is
    believed: a page, a bomb or half a file must not replace what we have.
    A file takes yesterday's place in one step, after it was read, and only if it is no mere part of it.
    A download that failed leaves yesterday's file, and is told with that file's age.
    A file's age is its time on disk, which we set from the clock.
"""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import aiohttp
import structlog

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Market
from kis_daemon.kis.masters import MasterBook, MasterFile, read_masters
from kis_daemon.ports import BrokerError, BrokerUnreachable, Clock, ProtocolError

log = structlog.get_logger(__name__)

MASTER_URL = "https://new.real.download.dws.co.kr/common/master"
FILES: Mapping[Market, str] = {Market.KOSPI: "kospi_code.mst", Market.KOSDAQ: "kosdaq_code.mst"}

_MOST_PACKED = 8 * 1024 * 1024  # ten times what it is
_MOST_UNPACKED = 32 * 1024 * 1024
_LEAST_PART = 0.8  # of the records we have; listings come and go by a few a day


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterLimits:
    """How long one download may take, in seconds."""

    timeout_s: float = 30.0


class MasterFiles:
    """See the rules above."""

    def __init__(
        self, folder: Path, clock: Clock, *, url: str = MASTER_URL, limits: MasterLimits = MasterLimits()
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._url = url
        self._limits = limits
        self._files: dict[Market, MasterFile] = {}

    @property
    def book(self) -> MasterBook:
        """What the files that we have say."""
        return MasterBook(self._files.values())

    def fetched_on(self, board: Market) -> date | None:
        """Return the day our file of `board` is of, None without one."""
        try:
            modified = (self._folder / FILES[board]).stat().st_mtime
        except FileNotFoundError:
            return None
        return datetime.fromtimestamp(modified, KST).date()

    def load(self) -> None:
        """Read what is on disk; a file that cannot be read is left out and told."""
        for board, name in FILES.items():
            try:
                self._take(board, (self._folder / name).read_bytes())
            except FileNotFoundError:
                continue
            except (OSError, ProtocolError) as error:
                log.warning("master_not_readable", board=board.value, reason=str(error))

    async def refresh(self) -> None:
        """Have today's file of every board; where it cannot be had, what we have stands."""
        today = self._clock.now().date()
        stale = [board for board in FILES if self.fetched_on(board) != today or board not in self._files]
        if not stale:
            return
        async with aiohttp.ClientSession(trust_env=False) as session:
            for board in stale:
                try:
                    await self._fetch(session, board)
                except (BrokerError, OSError) as error:
                    have = self.fetched_on(board)
                    log.warning(
                        "master_not_fetched",
                        board=board.value,
                        reason=str(error),
                        have_from=None if have is None else have.isoformat(),
                    )

    async def _fetch(self, session: aiohttp.ClientSession, board: Market) -> None:
        packed = await self._download(session, f"{self._url}/{FILES[board]}.zip")
        data = _unpacked(packed, FILES[board])
        known = self._files.get(board)
        fresh = read_masters(board, data)
        if known is not None and len(fresh.records) < len(known.records) * _LEAST_PART:
            raise ProtocolError(f"{len(fresh.records)} records, and we have {len(known.records)}")
        self._keep(board, data)
        self._take(board, data, fresh)

    async def _download(self, session: aiohttp.ClientSession, url: str) -> bytes:
        try:
            async with asyncio.timeout(self._limits.timeout_s), session.get(url, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise ProtocolError(f"{url}: status {answer.status}")
                packed = bytearray()
                async for part in answer.content.iter_chunked(65536):
                    packed += part
                    if len(packed) > _MOST_PACKED:
                        raise ProtocolError(f"{url}: more than {_MOST_PACKED} bytes")
                return bytes(packed)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BrokerUnreachable(f"{url}: {type(error).__name__}") from None

    def _keep(self, board: Market, data: bytes) -> None:
        """Put the file in its place in one step, with the clock's time on it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        place = self._folder / FILES[board]
        beside = place.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        at = self._clock.now().timestamp()
        os.utime(beside, (at, at))
        beside.replace(place)

    def _take(self, board: Market, data: bytes, read: MasterFile | None = None) -> None:
        found = self._files[board] = read or read_masters(board, data)
        if found.refused:
            log.warning(
                "master_lines_refused",
                board=board.value,
                count=len(found.refused),
                first=str(found.refused[0]),
            )
        log.info(
            "master_read",
            board=board.value,
            records=len(found.records),
            left_out=found.left_out,
            refused=len(found.refused),
        )


def _unpacked(packed: bytes, name: str) -> bytes:
    """Return the one file inside; `ProtocolError` where it is no such archive or too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            inside = archive.getinfo(name)
            if inside.file_size > _MOST_UNPACKED:
                raise ProtocolError(f"{name}: {inside.file_size} bytes unpacked")
            with archive.open(inside) as file:
                data = file.read(_MOST_UNPACKED + 1)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ProtocolError(f"{name}: no archive of it ({type(error).__name__})") from None
    if len(data) > _MOST_UNPACKED:
        raise ProtocolError(f"{name}: more than {_MOST_UNPACKED} bytes unpacked")
    return data
