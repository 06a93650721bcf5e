"""Faults of the stream: what becomes of a frame, of an answer, or of a registration that a fault has met.

Rules of this room
    One fault a frame, in the order of the plan. What is held back is sent after what it waits for, at the latest when
    its time is over; what has lost its session is not sent.
    A silent stream loses everything, answers included; a dead socket is a session that nothing is sent to any more.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Side
from kis_daemon.simulator.faults import Fault, Scene
from kis_daemon.simulator.faults_desk import FaultDesk, Planned
from kis_daemon.simulator.faults_kinds import Area
from kis_daemon.simulator.faults_kinds import FaultKind as K
from kis_daemon.simulator.notices import notice_frame
from kis_daemon.simulator.outgoing import Outgoing, OutKind
from kis_daemon.simulator.registrar import Asked
from kis_daemon.simulator.requests import EventKind
from kis_daemon.simulator.stream import IN_USE, Session, Stream

_REFUSALS = {
    K.OPSP0007: ("1", "OPSP0007", "SUBSCRIBE INTERNAL ERROR"),
    K.OPSP0008: ("1", "OPSP0008", "MAX SUBSCRIBE OVER"),
    K.OPSP0009: ("1", "OPSP0009", "mci send failed"),
    K.OPSP0010: ("1", "OPSP0010", "invalid appkey warning"),
    K.OPSP0011: ("9", "OPSP0011", "invalid approval : NOT FOUND"),
    K.OPSP8996: IN_USE,
    K.OPSP9993: ("9", "OPSP9993", "internal error"),
}
_NOTICES = (OutKind.NOTICE,)
_TOLD = (OutKind.DATA, OutKind.NOTICE)
_ANY = (OutKind.DATA, OutKind.NOTICE, OutKind.PING)
_MEETS: dict[K, tuple[OutKind, ...]] = {
    K.ACK_DELAYED: (OutKind.ANSWER,),
    K.ACK_MISSING: (OutKind.ANSWER,),
    K.PINGPONG_LOST: (OutKind.PING,),
    K.NOTICE_LOST: _NOTICES,
    K.NOTICE_DUPLICATE: _NOTICES,
    K.NOTICE_REORDERED: _NOTICES,
    K.NOTICE_LATE: _NOTICES,
    K.FILL_BEFORE_ACCEPT: _NOTICES,
    K.KEY_ROTATED: _NOTICES,
    K.FRAME_DUPLICATE: _TOLD,
    K.FIELD_APPENDED: _TOLD,
    K.WRONG_COUNT: _TOLD,
    K.BURST: _TOLD,
    K.GARBAGE: _ANY,
    K.DEAD_SOCKET: _ANY,
    K.CLOSE_1006: _ANY,
    K.SILENCE: _ANY,
}
_GARBAGE_BYTES = 64
_NEVER = datetime.min.replace(tzinfo=KST)


@dataclass(slots=True, eq=False)
class _Held:
    """A notice that waits for the next one: of its own order's fills where `order` is not None."""

    session: Session
    out: Outgoing
    order: int | None
    timer: asyncio.Task[None] | None = None


class StreamFaults:
    """Stands between the stream and its sessions while a fault of theirs is armed, or one still works."""

    def __init__(self, desk: FaultDesk, stream: Stream, chance: Random) -> None:
        self._desk = desk
        self._stream = stream
        self._chance = chance
        self._held: list[_Held] = []
        self._silent_until = _NEVER
        self._in_use_until = _NEVER

    def look(self) -> None:
        """Stand in the stream's way from the first armed fault on: what a fault has begun goes on after it."""
        if self._desk.has(Area.FRAME) or self._desk.has(Area.REGISTRATION):
            self._stream.faults = self
        elif not self._desk.planned_any:
            self._stream.faults, self._silent_until, self._in_use_until = None, _NEVER, _NEVER

    def refusal(self, _session: Session, asked: Asked) -> tuple[str, str, str] | None:
        """Return the refusal that a fault has for a registration."""
        now = self._desk.clock.now()
        scene = Scene(what=f"registration {asked.tr_type}", tr_id=asked.tr_id, symbol=asked.tr_key)
        for planned in self._desk.matching(Area.REGISTRATION, scene):
            self._desk.fire(planned, scene)
            if planned.fault.kind is K.OPSP8996:
                self._in_use_until = now + timedelta(seconds=planned.fault.lasts_s)
            return _REFUSALS[planned.fault.kind]
        return IN_USE if now < self._in_use_until else None

    def send(self, session: Session, out: Outgoing) -> None:
        """Send `out`, or whatever a fault makes of it."""
        if self._desk.clock.now() < self._silent_until:
            _forgive(session, out)
            return
        scene = _scene_of(out)
        for planned in self._desk.matching(Area.FRAME, scene):
            if self._applies(planned, out):
                self._desk.fire(planned, scene)
                self._disturb(session, out, planned.fault)
                break
        else:
            self._stream.put(session, out.frame)
        self._release(session, out)

    # --- inside ---------------------------------------------------------------------------------------------

    def _applies(self, planned: Planned, out: Outgoing) -> bool:
        kind = planned.fault.kind
        if out.kind not in _MEETS[kind]:
            return False
        return kind is not K.FILL_BEFORE_ACCEPT or (out.event is not None and out.event.kind is EventKind.ACCEPTED)

    def _disturb(self, session: Session, out: Outgoing, fault: Fault) -> None:
        put, later = self._stream.put, self._desk.later
        match fault.kind:
            case K.ACK_MISSING | K.NOTICE_LOST:
                pass
            case K.PINGPONG_LOST:
                _forgive(session, out)
            case K.ACK_DELAYED | K.NOTICE_LATE:
                later(fault.lasts_s, lambda: put(session, out.frame))
            case K.NOTICE_DUPLICATE | K.FRAME_DUPLICATE:
                put(session, out.frame)
                put(session, out.frame)
            case K.NOTICE_REORDERED | K.FILL_BEFORE_ACCEPT:
                is_fill = fault.kind is K.FILL_BEFORE_ACCEPT
                held = _Held(session, out, out.event.request.number if is_fill and out.event is not None else None)
                held.timer = later(fault.lasts_s, lambda: self._let_go(held))
                self._held.append(held)
            case K.KEY_ROTATED:
                self._stream.rotate(session)
                put(session, notice_frame(out.tr_id, out.plain, session.key, session.iv))
            case K.FIELD_APPENDED:
                put(session, _with_a_field_more(out, session))
            case K.WRONG_COUNT:
                put(session, _with_count(out.frame, fault.number))
            case K.BURST:
                for _ in range(fault.number):
                    put(session, out.frame)
            case K.GARBAGE:
                for rubbish in self._rubbish(out.tr_id):
                    put(session, rubbish)
                put(session, out.frame)
            case K.DEAD_SOCKET:
                self._stream.cut_off(session)
            case K.CLOSE_1006:
                self._stream.drop(session)
            case K.SILENCE:
                self._silent_until = self._desk.clock.now() + timedelta(seconds=fault.lasts_s)
                _forgive(session, out)
            case _:
                put(session, out.frame)

    def _rubbish(self, tr_id: str) -> tuple[str | bytes, ...]:
        noise = self._chance.randbytes(_GARBAGE_BYTES)
        return (noise.hex(), f"0|{tr_id}|001|{noise.hex()[:20]}^^", f"0|{tr_id}|abc", "", "{", noise)

    def _release(self, session: Session, out: Outgoing) -> None:
        """Send the notices that waited for `out`."""
        if not self._held or out.kind is not OutKind.NOTICE:
            return
        for held in [held for held in self._held if held.session is session and held.out is not out]:
            event = out.event
            is_its_fill = event is not None and event.kind is EventKind.FILLED and event.request.number == held.order
            if held.order is None or is_its_fill:
                self._let_go(held)

    def _let_go(self, held: _Held) -> None:
        self._held.remove(held)
        if held.timer is not None and held.timer is not asyncio.current_task():
            held.timer.cancel()
        self._stream.put(held.session, held.out.frame)


def _forgive(session: Session, out: Outgoing) -> None:
    """A PINGPONG that was not sent cannot be answered."""
    if out.kind is OutKind.PING and session.unanswered:
        session.unanswered -= 1


def _scene_of(out: Outgoing) -> Scene:
    side = ""
    if out.event is not None:
        side = "SELL" if out.event.request.side is Side.SELL else "BUY"
    return Scene(what=f"frame {out.kind.value.lower()}", tr_id=out.tr_id, symbol=out.tr_key, side=side)


def _with_a_field_more(out: Outgoing, session: Session) -> str:
    if out.kind is OutKind.NOTICE:
        return notice_frame(out.tr_id, f"{out.plain}^X", session.key, session.iv)
    head, tr_id, count, payload = out.frame.split("|", 3)
    fields = payload.split("^")
    width = len(fields) // int(count)
    records = ["^".join([*fields[start : start + width], "X"]) for start in range(0, len(fields), width)]
    return f"{head}|{tr_id}|{count}|{'^'.join(records)}"


def _with_count(frame: str, more: int) -> str:
    head, tr_id, count, payload = frame.split("|", 3)
    return f"{head}|{tr_id}|{int(count) + more:03d}|{payload}"
