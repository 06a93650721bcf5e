"""The kill switch in the records: who turns it, with what words and which code.

Rules of this room (S0-K, S4-K, C01, C13, C14, L17)
    Every change is one transaction with its event, and needs a reason and a name.
    An activation never makes the switch narrower; to let exits pass again is a release (pause entries before it).
    What activates by itself is an `AutomaticStop`: it has no scope to choose.
    A release needs the confirmation code or the admin key where the rules or the way in say so; one that is given is
    checked in any case. Wrong tries are counted in the records: a restart forgives none.
    A unit of work may be run again: chance is handed in.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from kis_daemon.domain.events import Event, Scalar
from kis_daemon.domain.release_codes import TRIES, CodeState, is_key, new_code
from kis_daemon.domain.safeguards import (
    AUTOMATIC_ACTOR,
    TRIGGER_SOURCES,
    AutomaticStop,
    KillSwitch,
    KillSwitchScope,
    KillSwitchStatus,
    widest,
)
from kis_daemon.ports import Rows
from kis_daemon.services.operator_answers import Activated, Declined, DeclinedCode, Released, Source, SwitchView

CODE_MARK = "kill_switch_code"
_CORRELATION = "manual-kill-switch-change"
LONGEST_REASON = 1000
LONGEST_NAME = 50  # of an actor in `event_log`
_HASH_SHOWN = 8
_API = "api"
_MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRules:
    """What a release needs: the code by every way in (REAL), two persons, and the key that stands for the code."""

    code_always: bool = False
    two_persons: bool = False
    admin_key: str = ""

    def need_code(self, source: Source) -> bool:
        """Whether a release by that way needs code or key (C14); who has a shell has the database."""
        return self.code_always or source is not Source.COMMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTry:
    """Who wants the switch released, and why."""

    reason: str
    by: str
    source: Source
    confirmation_code: str = ""
    admin_key: str = ""
    file_present: bool = False


def activate(rows: Rows, at: datetime, reason: str, by: str, scope: KillSwitchScope) -> KillSwitch:
    """Activate the switch; `ValueError` without a reason and a name. What was wider stays as wide."""
    return _activate(rows, wanted(at, reason, by, scope), _MANUAL)


def release(rows: Rows, at: datetime, reason: str, by: str) -> KillSwitch:
    """Release the switch unasked: for a venue without real money. `ValueError` without a reason and a name."""
    _need_words(reason, by)
    switch = KillSwitch(
        status=KillSwitchStatus.INACTIVE,
        scope=KillSwitchScope.ALL,
        reason=clean(reason, LONGEST_REASON),
        actor=clean(by, LONGEST_NAME),
        since=at,
    )
    rows.set_kill_switch(switch)
    _keep(rows, CodeState())
    _append(rows, at, "kill_switch_deactivated", by=switch.actor, reason=switch.reason, scope=switch.scope.value)
    return switch


def activate_by_person(
    rows: Rows, wanted: KillSwitch, *, source: Source, chance: bytes, rules: ReleaseRules
) -> Activated:
    """Activate the switch as `wanted` and make the code of its release, which stands in the answer and nowhere else."""
    assert wanted.since is not None
    code, salt = new_code(chance)
    _activate(rows, wanted, _API if source is Source.API else _MANUAL)
    state = _state(rows).with_code(code, salt, rows.kill_switch().since)  # an operator's row may stand above ours
    _keep(rows, state)
    _append(rows, wanted.since, "kill_switch_code_made", by=wanted.actor, code_hash=_shown(state))
    return Activated(view=view(rows, wanted.since, rules), confirmation_code=code)


def stop_by_itself(rows: Rows, at: datetime, stop: AutomaticStop) -> bool:
    """Activate the switch for entries; False, and only noted, where it is active already: a person's word stands."""
    if rows.kill_switch().is_active:
        _append(rows, at, "automatic_stop_noted", by=stop.switch(at).actor, cause=stop.cause.value, reason=stop.reason)
        return False
    _activate(rows, stop.switch(at), TRIGGER_SOURCES[stop.cause])
    return True


def make_code(rows: Rows, at: datetime, chance: bytes) -> tuple[str, str] | None:
    """Make the code of an activation that has none (by SQL, by file, by itself); return it and its hash's beginning."""
    switch, state = rows.kill_switch(), _state(rows)
    if not switch.is_active or state.is_for(switch.since):
        return None
    code, salt = new_code(chance)
    state = state.with_code(code, salt, switch.since)
    _keep(rows, state)
    _append(rows, at, "kill_switch_code_made", by=AUTOMATIC_ACTOR, code_hash=_shown(state))
    return code, _shown(state)


def try_release(rows: Rows, at: datetime, wish: ReleaseTry, rules: ReleaseRules) -> Released | Declined:
    """Release the switch if everything is there that the rules ask for."""
    if (missing := words_missing(wish.reason, wish.by)) is not None:
        return missing
    if wish.file_present:
        return Declined(code=DeclinedCode.FILE_PRESENT, reason="the file KILL_SWITCH is there: remove it first")
    switch, state = rows.kill_switch(), _state(rows)
    if not switch.is_active:
        return Declined(code=DeclinedCode.NOT_ACTIVE, reason="the kill switch is not active")
    refused = _check(state, at, switch, wish, rules)
    if refused is not None:
        if refused.code in (DeclinedCode.CODE_WRONG, DeclinedCode.KEY_WRONG):
            _count_wrong(rows, at, state.after_wrong(at), refused, wish)
        return refused
    if rules.two_persons and not state.has_first_other_than(wish.by, at):
        first, reason = clean(wish.by, LONGEST_NAME), clean(wish.reason, LONGEST_REASON)
        _keep(rows, state.with_first(first, at))
        _append(rows, at, "kill_switch_release_asked", by=first, reason=reason)
        return Released(view=view(rows, at, rules), is_complete=False)
    release(rows, at, wish.reason, wish.by)
    return Released(view=view(rows, at, rules))


def view(rows: Rows, at: datetime, rules: ReleaseRules) -> SwitchView:
    """Return the switch as the records have it, and what its release needs."""
    switch, state = rows.kill_switch(), _state(rows)
    left = state.lockout_left(at)
    return SwitchView(
        switch=switch,
        code_needed=rules.code_always,
        code_hash=_shown(state) if state.is_for(switch.since) else "",
        locked_until=None if left is None else at + left,
        first_release_by=state.first_by if switch.is_active else "",
    )


def clean(text: str, longest: int) -> str:
    """Return `text` as every database takes it: printable, without blanks around it, not longer than that."""
    return "".join(sign if sign.isprintable() else " " for sign in text[: 4 * longest]).strip()[:longest].strip()


def words_missing(reason: str, by: str) -> Declined | None:
    """Return why an act without a reason or a name is not done."""
    if clean(reason, LONGEST_REASON) and clean(by, LONGEST_NAME):
        return None
    return Declined(code=DeclinedCode.WORDS_MISSING, reason="a reason and a name are needed")


def _check(
    state: CodeState, at: datetime, switch: KillSwitch, wish: ReleaseTry, rules: ReleaseRules
) -> Declined | None:
    """Return why code or key do not let the release pass."""
    if not wish.confirmation_code and not wish.admin_key:
        if rules.need_code(wish.source):
            return Declined(code=DeclinedCode.CODE_NEEDED, reason="confirmation code or admin key is needed")
        return None
    if (left := state.lockout_left(at)) is not None:
        seconds = int(left.total_seconds()) + 1
        return Declined(code=DeclinedCode.LOCKED_OUT, reason=f"{TRIES} wrong tries", retry_after_s=seconds)
    if wish.admin_key:
        if not rules.admin_key:
            return Declined(code=DeclinedCode.KEY_UNKNOWN, reason="no admin key is set")
        if not is_key(wish.admin_key, rules.admin_key):
            return Declined(code=DeclinedCode.KEY_WRONG, reason="not the admin key")
    elif not state.is_for(switch.since):
        return Declined(code=DeclinedCode.CODE_UNKNOWN, reason="this activation has no code yet: activate again")
    elif not state.matches(wish.confirmation_code):
        return Declined(code=DeclinedCode.CODE_WRONG, reason="not the confirmation code")
    return None


def _count_wrong(rows: Rows, at: datetime, state: CodeState, refused: Declined, wish: ReleaseTry) -> None:
    _keep(rows, state)
    locked = state.locked_until is not None
    _append(
        rows,
        at,
        "kill_switch_release_refused",
        by=clean(wish.by, LONGEST_NAME),
        code=refused.code.value,
        source=wish.source.value,
        wrong=TRIES if locked else state.wrong,
        locked_out=locked,
    )


def wanted(at: datetime, reason: str, by: str, scope: KillSwitchScope) -> KillSwitch:
    """Return an activation by a person; `ValueError` without a reason and a name."""
    _need_words(reason, by)
    return KillSwitch(
        status=KillSwitchStatus.ACTIVE,
        scope=scope,
        reason=clean(reason, LONGEST_REASON),
        actor=clean(by, LONGEST_NAME),
        since=at,
    )


def _activate(rows: Rows, asked: KillSwitch, trigger_source: str) -> KillSwitch:
    switch = replace(asked, scope=widest(asked, rows.kill_switch()).scope)
    rows.set_kill_switch(switch, trigger_source)
    assert switch.since is not None
    _append(
        rows,
        switch.since,
        "kill_switch_activated",
        by=switch.actor,
        reason=switch.reason,
        scope=switch.scope.value,
    )
    return switch


def _append(rows: Rows, at: datetime, type_: str, *, by: str, **payload: Scalar) -> None:
    names = {"kill_switch_activated": "activated_by", "kill_switch_deactivated": "deactivated_by"}
    payload = {names.get(type_, "by"): by, **payload}
    rows.append(Event(at=at, type=type_, actor=by, correlation_id=_CORRELATION, payload=payload))


def _need_words(reason: str, by: str) -> None:
    if words_missing(reason, by) is not None:
        raise ValueError("a kill switch change needs a reason and a name")


def _shown(state: CodeState) -> str:
    return state.digest[:_HASH_SHOWN]


def _state(rows: Rows) -> CodeState:
    text = rows.mark(CODE_MARK)
    if not text:
        return CodeState()
    kept: dict[str, Any] = json.loads(text)
    moments = {
        name: datetime.fromisoformat(kept[name]) for name in ("locked_until", "first_at") if kept[name] is not None
    }
    return CodeState(**(kept | moments))


def _keep(rows: Rows, state: CodeState) -> None:
    if state == CodeState() and not rows.mark(CODE_MARK):
        return  # nothing was kept, and nothing is
    kept = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(state).items()}
    rows.set_mark(CODE_MARK, json.dumps(kept, sort_keys=True))
