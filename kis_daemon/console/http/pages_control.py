"""Kill switch, circuit breakers, positions and pause over HTTP (S4-K, S4-B)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from kis_daemon.console.http.access import Role
from kis_daemon.console.http.answers import answer, error
from kis_daemon.console.http.bodies import (
    ActivateBody,
    CloseAllBody,
    DeactivateBody,
    ForceDeactivateBody,
    WordsBody,
)
from kis_daemon.console.http.desks import Desks
from kis_daemon.console.http.endpoints import Asked, Endpoint
from kis_daemon.domain.breakers import BreakerState
from kis_daemon.domain.safeguards import KillSwitchScope
from kis_daemon.services.operator_answers import (
    Closing,
    Declined,
    DeclinedCode,
    PauseView,
    Released,
    Source,
    SwitchView,
)

_STATUS = {
    DeclinedCode.WORDS_MISSING: 400,
    DeclinedCode.CODE_NEEDED: 400,
    DeclinedCode.CODE_WRONG: 403,
    DeclinedCode.KEY_WRONG: 403,
    DeclinedCode.KILL_SWITCH: 403,
    DeclinedCode.NOT_HELD: 404,
    DeclinedCode.LOCKED_OUT: 429,
    DeclinedCode.STORE_AWAY: 503,
}


async def activate(desks: Desks, asked: Asked) -> web.Response:
    body = asked.body
    assert isinstance(body, ActivateBody)
    done = await desks.operations.activate_kill_switch(
        scope=KillSwitchScope(body.scope), reason=body.reason, by=asked.name(body.by), source=Source.API
    )
    if isinstance(done, Declined):
        return _declined(done)
    return answer({**_switch(done.view), "confirmation_code": done.confirmation_code})


async def deactivate(desks: Desks, asked: Asked) -> web.Response:
    body = asked.body
    assert isinstance(body, DeactivateBody)
    done = await desks.operations.release_kill_switch(
        reason=body.reason, by=body.by, source=Source.API, confirmation_code=body.confirmation_code
    )
    return _released(done)


async def force_deactivate(desks: Desks, asked: Asked) -> web.Response:
    body = asked.body
    assert isinstance(body, ForceDeactivateBody)
    done = await desks.operations.release_kill_switch(
        reason=body.reason, by=body.by, source=Source.API, admin_key=body.admin_key
    )
    return _released(done)


async def switch_status(desks: Desks, _asked: Asked) -> web.Response:
    return answer(_switch(await desks.operations.kill_switch_status()))


async def breaker_status(desks: Desks, _asked: Asked) -> web.Response:
    return answer(_breakers(desks))


async def breaker_reset(desks: Desks, asked: Asked) -> web.Response:
    body = asked.body
    assert isinstance(body, WordsBody)
    closed = await desks.breakers.reset(asked.name(body.by), body.reason)
    return answer({**_breakers(desks), "reset": [breaker.value for breaker in closed]})


async def positions(desks: Desks, _asked: Asked) -> web.Response:
    view = desks.operations.positions()
    return answer({"positions": [asdict(each) for each in view.own], "external": view.external})


async def close_all(desks: Desks, asked: Asked) -> web.Response:
    body = asked.body
    assert isinstance(body, CloseAllBody)
    done = await desks.operations.close_all(reason=body.reason, by=asked.name(body.by), confirmed=body.confirmed)
    return _declined(done) if isinstance(done, Declined) else answer(_closing(done))


async def pause(desks: Desks, asked: Asked) -> web.Response:
    body = asked.body
    assert isinstance(body, WordsBody)
    return _paused(await desks.operations.pause(reason=body.reason, by=asked.name(body.by)))


async def resume(desks: Desks, asked: Asked) -> web.Response:
    body = asked.body
    assert isinstance(body, WordsBody)
    return _paused(await desks.operations.resume(reason=body.reason, by=asked.name(body.by)))


def _breakers(desks: Desks) -> Mapping[str, Any]:
    """Return each breaker, and the state that is the least open one's of all."""
    found = desks.breakers.status()
    states = {each.state for each in found}
    order = (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED)
    return {
        "state": next(state.value for state in order if state in states),
        "breakers": [asdict(each) for each in found],
    }


def _declined(declined: Declined) -> web.Response:
    headers = {"Retry-After": str(declined.retry_after_s)} if declined.retry_after_s else None
    return error(_STATUS.get(declined.code, 409), declined.code.value.upper(), declined.reason, headers)


def _released(done: Released | Declined) -> web.Response:
    if isinstance(done, Declined):
        return _declined(done)
    return answer({**_switch(done.view), "complete": done.is_complete}, 200 if done.is_complete else 202)


def _switch(view: SwitchView) -> Mapping[str, Any]:
    switch = view.switch
    return {
        "status": switch.status.value,
        "scope": switch.scope.value,
        "reason": switch.reason,
        "by": switch.actor,
        "since": switch.since,
        "file_present": view.file_present,
        "code_needed": view.code_needed,
        "locked_until": view.locked_until,
        "first_release_by": view.first_release_by,
    }


def _closing(closing: Closing) -> Mapping[str, Any]:
    return {"closing": [asdict(each) for each in closing.positions], "paused": closing.pause.paused}


def _paused(done: PauseView | Declined) -> web.Response:
    if isinstance(done, Declined):
        return _declined(done)
    return answer({"paused": done.paused, "reason": done.reason, "by": done.by, "since": done.since})


_RELEASE = {
    400: "no reason, no name, or neither code nor key",
    403: "wrong",
    409: "not possible now",
    429: "locked out",
}
PAGES = (
    Endpoint(
        method="POST",
        path="/api/kill-switch",
        role=Role.OPERATOR,
        summary="Stop orders; the answer holds the code that a release needs, once",
        handler=activate,
        body=ActivateBody,
    ),
    Endpoint(
        method="GET",
        path="/api/kill-switch/status",
        role=Role.VIEWER,
        summary="The kill switch as it is in force",
        handler=switch_status,
    ),
    Endpoint(
        method="POST",
        path="/api/kill-switch/deactivate",
        role=Role.ADMIN,
        summary="Release the kill switch with its code, a reason and a name",
        handler=deactivate,
        body=DeactivateBody,
        answers=_RELEASE,
    ),
    Endpoint(
        method="POST",
        path="/api/kill-switch/force-deactivate",
        role=Role.ADMIN,
        summary="Release the kill switch with the admin key, a reason and a name",
        handler=force_deactivate,
        body=ForceDeactivateBody,
        answers=_RELEASE,
    ),
    Endpoint(
        method="GET",
        path="/api/circuit-breaker/status",
        role=Role.VIEWER,
        summary="The state of each circuit breaker",
        handler=breaker_status,
    ),
    Endpoint(
        method="POST",
        path="/api/circuit-breaker/reset",
        role=Role.ADMIN,
        summary="Close the circuit breakers",
        handler=breaker_reset,
        body=WordsBody,
    ),
    Endpoint(
        method="GET",
        path="/api/positions",
        role=Role.VIEWER,
        summary="What is held, and what in the account is not ours",
        handler=positions,
    ),
    Endpoint(
        method="POST",
        path="/api/positions/close-all",
        role=Role.ADMIN,
        summary="Sell everything that is ours, and pause entries",
        handler=close_all,
        body=CloseAllBody,
        answers={409: "the kill switch stops sales too, and this was not confirmed"},
    ),
    Endpoint(
        method="POST",
        path="/api/trading/pause",
        role=Role.OPERATOR,
        summary="Pause entries; exits go on",
        handler=pause,
        body=WordsBody,
    ),
    Endpoint(
        method="POST",
        path="/api/trading/resume",
        role=Role.ADMIN,
        summary="Let entries pass again",
        handler=resume,
        body=WordsBody,
    ),
)
