"""The REST address with nobody behind it: connections are refused, open ones are reset; then the door opens again."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from kis_daemon.simulator.faults import Scene
from kis_daemon.simulator.faults_desk import FaultDesk, Planned

LOOPBACK = "127.0.0.1"


class RestDoor:
    """Where the REST server listens; it can be shut for a while."""

    def __init__(self, runner: web.AppRunner, desk: FaultDesk) -> None:
        self._runner = runner
        self._desk = desk
        self._site: web.BaseSite | None = None
        self._port = 0
        self._path: Path | None = None
        self._shut = 0

    async def open_tcp(self, port: int) -> int:
        """Listen on loopback and return the port."""
        self._port, self._path = port, None
        await self._open()
        self._port = int(self._runner.addresses[-1][1])
        return self._port

    async def open_unix(self, path: Path) -> None:
        """Listen on a socket of the file system."""
        self._path = path
        await self._open()

    async def _open(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._site = web.UnixSite(self._runner, str(self._path))
        else:
            self._site = web.TCPSite(self._runner, LOOPBACK, self._port)
        await self._site.start()

    def refuse(self, planned: Planned) -> None:
        """Let nobody in for as long as the fault says."""
        self._desk.errand(self._shut_for(planned))

    async def _shut_for(self, planned: Planned) -> None:
        if self._site is None:
            self._desk.miss(planned, "nothing listens yet")
            return
        self._shut += 1
        if self._shut == 1:
            await self._site.stop()
            server = self._runner.server
            for connection in server.connections if server is not None else ():
                if connection.transport is not None:
                    connection.transport.abort()
        self._desk.fire(planned, Scene(what="the REST address"))
        await self._desk.pause(planned.fault.lasts_s)
        self._shut -= 1
        if self._shut == 0:
            await self._open()
