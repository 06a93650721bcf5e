"""The operator's chat: what a message asks for, done and answered. It knows nothing of Telegram.

Rules of this room (C17, C01)
    Only the configured chat is heard. A stranger gets no answer; that he wrote is recorded, once an hour and chat.
    What stops (`/kill`, `/pause`) is done however late it is heard; what lets go on must have been sent just now.
    An answer that holds a code is sent to that chat and written nowhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from kis_daemon.console.catalogue import Language, say
from kis_daemon.console.telegram_inbox import Message
from kis_daemon.domain.safeguards import GateView, KillSwitchScope
from kis_daemon.ports import Clock, Severity
from kis_daemon.services.journal import Journal
from kis_daemon.services.operations import OperatorServices
from kis_daemon.services.operator_answers import Declined, PauseView, Source, SwitchView

_STRANGERS_EVERY = timedelta(hours=1)
_STRANGERS_KEPT = 100
_NO_WORDS = "by Telegram"
_WHEN_LATE = ("/kill", "/pause", "/status", "/positions", "/help", "/start")


class OperatorChat:
    """Answers the messages of one chat."""

    def __init__(
        self,
        *,
        chat_id: str,
        operations: OperatorServices,
        journal: Journal,
        gate: Callable[[], GateView],
        clock: Clock,
        language: Language,
    ) -> None:
        self._chat_id = chat_id
        self._operations = operations
        self._journal = journal
        self._gate = gate
        self._clock = clock
        self._language = language
        self._strangers: dict[str, tuple[datetime, int]] = {}
        self._commands: dict[str, Callable[[str, str], Awaitable[str]]] = {
            "/kill": self._kill,
            "/release": self._release,
            "/pause": self._pause,
            "/resume": self._resume,
            "/status": self._status,
            "/positions": self._positions,
            "/help": self._help,
            "/start": self._help,
        }

    async def hear(self, message: Message) -> str:
        """Do what `message` asks for and return the answer; a stranger gets none."""
        if message.chat_id != self._chat_id:
            self._note_stranger(message.chat_id)
            return ""
        first, _, rest = message.text.strip().partition(" ")
        name = first.partition("@")[0].lower()  # in a group a command may name its bot
        command = self._commands.get(name)
        if command is None:
            return self._say("chat.unknown") if name.startswith("/") else ""
        if message.is_late and name not in _WHEN_LATE:
            return self._say("chat.late", command=name)
        return await command(rest.strip(), message.sender)

    async def _kill(self, words: str, by: str) -> str:
        """`/kill [all|entries] [reason]`"""
        scope = KillSwitchScope.ALL
        first, _, rest = words.partition(" ")
        if first.lower() in tuple(KillSwitchScope):
            scope, words = KillSwitchScope(first.lower()), rest.strip()
        done = await self._operations.activate_kill_switch(
            scope=scope, reason=words or _NO_WORDS, by=by, source=Source.TELEGRAM
        )
        if isinstance(done, Declined):
            return self._declined(done)
        text = self._say("chat.killed", scope=done.view.switch.scope.value, code=done.confirmation_code)
        held = len(self._operations.positions().own)
        if held and done.view.switch.scope is KillSwitchScope.ALL:
            text += "\n" + self._say("chat.unprotected", count=held)
        return text

    async def _release(self, words: str, by: str) -> str:
        """`/release CODE reason`"""
        code, _, reason = words.partition(" ")
        done = await self._operations.release_kill_switch(
            reason=reason.strip(), by=by, source=Source.TELEGRAM, confirmation_code=code
        )
        if isinstance(done, Declined):
            return self._declined(done)
        if not done.is_complete:
            return self._say("switch.second_person", by=done.view.first_release_by)
        return self._say("chat.released") + "\n" + self._gate_line()

    async def _pause(self, words: str, by: str) -> str:
        return self._pause_answer(await self._operations.pause(reason=words or _NO_WORDS, by=by))

    async def _resume(self, words: str, by: str) -> str:
        return self._pause_answer(await self._operations.resume(reason=words or _NO_WORDS, by=by))

    def _pause_answer(self, answer: PauseView | Declined) -> str:
        return self._declined(answer) if isinstance(answer, Declined) else self._pause_line(answer)

    async def _status(self, _words: str, _by: str) -> str:
        view = await self._operations.kill_switch_status()
        lines = [self._gate_line(), self._switch_line(view), self._pause_line(self._operations.pause_status())]
        held = self._operations.positions().own
        known = [position.open_pnl for position in held if position.open_pnl is not None]
        lines.append(
            self._say("chat.held", count=len(held), open_pnl=sum(known) if len(known) == len(held) and held else None)
        )
        return "\n".join(lines)

    async def _positions(self, _words: str, _by: str) -> str:
        held = self._operations.positions().own
        if not held:
            return self._say("positions.none")
        return "\n".join(
            self._say(
                "chat.position",
                symbol=position.symbol,
                name=position.name,
                quantity=position.quantity,
                average=round(position.average_price),
                price=position.price,
                open_pnl=position.open_pnl,
                stop=position.stop,
                closing=None if position.closing is None else position.closing.rule.value,
            )
            for position in held
        )

    async def _help(self, _words: str, _by: str) -> str:
        return self._say("chat.help")

    # lines

    def _gate_line(self) -> str:
        view = self._gate()
        return self._say("chat.gate", gate=view.gate.value, reasons=", ".join(view.reasons) or None)

    def _switch_line(self, view: SwitchView) -> str:
        switch = view.switch
        if not switch.is_active:
            return self._say("chat.switch_off")
        return self._say("chat.switch_on", scope=switch.scope.value, reason=switch.reason, by=switch.actor)

    def _pause_line(self, view: PauseView) -> str:
        since = None if view.since is None else f"{view.since:%Y-%m-%d %H:%M}"
        name = "trading.paused" if view.paused else "trading.running"
        return self._say(name, since=since, by=view.by or None, reason=view.reason or None)

    def _declined(self, declined: Declined) -> str:
        return self._say(f"declined.{declined.code}", seconds=declined.retry_after_s, reason=declined.reason)

    def _say(self, key: str, **data: object) -> str:
        return say(self._language, key, **data)

    def _note_stranger(self, chat_id: str) -> None:
        """Record that somebody else writes to our bot; a flood of it fills neither log nor memory."""
        now = self._clock.now()
        for known in [known for known, (at, _) in self._strangers.items() if now - at >= 2 * _STRANGERS_EVERY]:
            del self._strangers[known]
        told_at, count = self._strangers.pop(chat_id, (None, 0))
        if told_at is not None and timedelta() <= now - told_at < _STRANGERS_EVERY:
            self._strangers[chat_id] = (told_at, count + 1)
            return
        if len(self._strangers) >= _STRANGERS_KEPT:
            return  # a crowd of them: those that are known already tell enough
        self._strangers[chat_id] = (now, 0)
        self._journal.note(
            self._journal.fact(
                "telegram_stranger", severity=Severity.WARNING, alerts=True, chat_id=chat_id, count=count + 1
            )
        )
