"""The audit desk: mirror, anchors and recorded inputs of one run, as the daemon's life needs them.

A start is anchored, each day's end is, and a day's end also tells how much its inputs take. At the end of a run what
was committed is mirrored and what was seen is on the disk.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kis_daemon.ports import Clock, Notifier
from kis_daemon.services.audit_anchors import AnchorKeeper
from kis_daemon.services.audit_files import MirrorFiles
from kis_daemon.services.audit_inputs import InputFile
from kis_daemon.services.audit_mirror import AuditMirror
from kis_daemon.services.audit_verify import AuditRecords
from kis_daemon.services.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPlaces:
    """The database itself, the folder of its mirror and the name it has there, and the folder of the inputs."""

    records: AuditRecords
    mirror: Path
    owner: str
    inputs: Path


class AuditDesk:
    """See above."""

    def __init__(self, places: AuditPlaces, journal: Journal, clock: Clock, notifier: Notifier) -> None:
        files = MirrorFiles(places.mirror, places.owner)
        self.mirror = AuditMirror(places.records, files, clock, notifier)
        self.anchors = AnchorKeeper(places.records, journal)
        self.inputs = InputFile(places.inputs, clock, notifier)
        journal.listen(self.mirror.wake)

    async def begin(self) -> None:
        """The run has begun."""
        await self.anchors.anchor("start")

    async def end_day(self, day: date) -> None:
        """A trading day was summed up."""
        await self.inputs.tell_size(day)
        await self.anchors.anchor("day_end")

    async def run(self) -> None:
        """Write what is to be written, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.mirror.run(), name="audit_mirror")
            group.create_task(self.inputs.run(), name="audit_inputs")

    async def end(self) -> None:
        """Nothing more happens: write the rest."""
        await self.inputs.flush()
        await self.mirror.catch_up()
