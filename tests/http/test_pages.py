"""The pages on real sockets: roles, bodies, answers; and that no body makes an error of ours."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.console.http.access import Role
from kis_daemon.console.http.answers import LARGEST_BODY
from kis_daemon.console.http.bodies import NoBody
from kis_daemon.console.http.endpoints import Endpoint
from kis_daemon.console.http.server import ENDPOINTS
from kis_daemon.services import kill_switch
from kis_daemon.services.operator_answers import DeclinedCode
from tests.http.house import TOKENS, a_house, until

CHANGES = [each for each in ENDPOINTS if each.method == "POST" and each.path != "/place_order"]
WITH_BODY = [each for each in CHANGES if each.body is not NoBody]
READS = [each for each in ENDPOINTS if each.method == "GET"]


def named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def path_of(endpoint: Endpoint) -> str:
    return endpoint.path.replace("{proposal_id}", "unknown")


def test_what_may_be_asked_is_what_was_agreed() -> None:
    assert {named(each): each.role.name for each in ENDPOINTS} == {
        "GET /proposals": "VIEWER",
        "GET /proposals/{proposal_id}": "VIEWER",
        "POST /proposals/{proposal_id}/approve": "OPERATOR",
        "POST /proposals/{proposal_id}/reject": "OPERATOR",
        "POST /issue_token": "OPERATOR",
        "POST /place_order": "NOBODY",
        "POST /api/kill-switch": "OPERATOR",
        "GET /api/kill-switch/status": "VIEWER",
        "POST /api/kill-switch/deactivate": "ADMIN",
        "POST /api/kill-switch/force-deactivate": "ADMIN",
        "GET /api/circuit-breaker/status": "VIEWER",
        "POST /api/circuit-breaker/reset": "ADMIN",
        "GET /api/positions": "VIEWER",
        "POST /api/positions/close-all": "ADMIN",
        "POST /api/trading/pause": "OPERATOR",
        "POST /api/trading/resume": "ADMIN",
        "GET /health": "VIEWER",
        "GET /v1/session/live-readiness": "VIEWER",
        "POST /v1/session/reconnect": "OPERATOR",
    }


async def test_every_page_that_reads_is_free_here_and_every_change_is_not(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        for endpoint in READS:
            status, _ = await house.ask("GET", path_of(endpoint))
            assert status == (404 if "{" in endpoint.path else 200), named(endpoint)
        for endpoint in CHANGES:
            status, told = await house.ask("POST", path_of(endpoint), {})
            expected = (400, "OPERATOR_TOKEN_REQUIRED") if endpoint.needs_operator_header else (401, "UNAUTHORIZED")
            assert (status, told["error"]) == expected, named(endpoint)
        assert not house.operations.asked
        assert not house.breakers.by
        assert not house.reconnects


async def test_each_role_is_let_as_far_as_it_goes(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        for endpoint in CHANGES:
            for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
                token = getattr(TOKENS, role.name.lower())
                status, _ = await house.ask("POST", path_of(endpoint), {}, headers={"X-Operator-Token": token})
                if role < endpoint.role:
                    assert status == 403, (named(endpoint), role)
                else:
                    assert status in (200, 202, 400, 404), (named(endpoint), role)


async def test_with_real_money_nothing_is_answered_without_a_role(tmp_path: Path) -> None:
    async with a_house(tmp_path, real_money=True) as house:
        for endpoint in ENDPOINTS:
            status, _ = await house.ask(endpoint.method, path_of(endpoint), {})
            assert status in (400, 401), named(endpoint)
        assert (await house.ask("GET", "/docs", token=None))[0] == 401
        status, told = await house.ask("POST", "/place_order", {}, token="a.b.c")
        assert (status, told["error"]) == (401, "UNAUTHORIZED")
        both = {"Authorization": "Bearer a.b.c", "X-Operator-Token": TOKENS.operator}
        status, told = await house.ask("POST", "/place_order", {}, headers=both)
        assert (status, told["error"]) == (401, "order_rejected_signature")


BAD_BODIES: list[bytes] = [
    b"{",
    b"[]",
    b'"text"',
    b"null",
    b"1e999",
    b"NaN",
    b"\xff\xfe",
    b"[" * 8_000,
    b'{"a":' * 2_000,
    b'{"' + b"x" * 9_000 + b'":1}',
    json.dumps({"reason": ["x"], "approved_by": {}, "rejected_by": 1, "scope": 0, "admin_key": []}).encode(),
    json.dumps({"reason": "x" * 5_000, "by": "x" * 5_000}).encode(),
    json.dumps({"reason": "\ud800", "by": "\x00", "strange": 1}).encode(),
    b'{"reason": ' + b"9" * 5_000 + b"}",
]


async def test_no_body_makes_an_error_of_ours(tmp_path: Path) -> None:
    chance = random.Random(5)
    odd = [chance.randbytes(chance.randint(1, 200)) for _ in range(20)]
    async with a_house(tmp_path) as house:
        for endpoint in WITH_BODY:
            for body in BAD_BODIES + odd:
                status, told = await house.ask("POST", path_of(endpoint), raw=body, token=TOKENS.admin)
                assert status == 400, (named(endpoint), body[:40], told)
                assert set(told) == {"error", "reason"}
        assert house.operations.asked == []


@pytest.mark.parametrize("odd", ["\x00", "a\x00b", "\ud800", "line\nline", "\x7f"])
async def test_words_that_no_database_keeps_are_refused_where_they_would_be_kept(tmp_path: Path, odd: str) -> None:
    async with a_house(tmp_path) as house:
        proposal = house.persons.propose()
        reject = f"/proposals/{proposal.proposal_id}/reject"
        for body in (
            {"rejected_by": odd, "rejection_reason": "x"},
            {"rejected_by": "x", "rejection_reason": f"a{odd}a"},
        ):
            status, _ = await house.ask("POST", reject, raw=json.dumps(body).encode(), token=TOKENS.operator)
            assert status == 400


@pytest.mark.parametrize("odd", ["a%00b", "%ED%A0%80", "a%0Ab", "x" * 65, "%27%20OR%201", "%C3%A9"])
async def test_an_id_that_cannot_be_one_asks_no_database(tmp_path: Path, odd: str) -> None:
    """Some databases fail over a NUL; a stranger's URL must not make the daemon think that its database is away."""
    async with a_house(tmp_path) as house:
        house.path.records.broken = True
        found = [(await house.ask("GET", f"/proposals/{odd}"))[0]]
        for act in ("approve", "reject"):
            body = {"approved_by": "x"} if act == "approve" else {"rejected_by": "x", "rejection_reason": "x"}
            found.append((await house.ask("POST", f"/proposals/{odd}/{act}", body, token=TOKENS.admin))[0])
        issue = {"proposal_id": odd + "%", "correlation_id": "x", "proposal_payload_hash": "0" * 64}
        found.append((await house.ask("POST", "/issue_token", issue, token=TOKENS.admin))[0])
        house.path.records.broken = False

        assert found == [404, 404, 404, 400]


async def test_an_error_repeats_nothing_of_what_was_sent(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        body = {"admin_key": ["the admin key"], "reason": 7, "by": {"deep": "the secret"}}
        _, told = await house.ask("POST", "/api/kill-switch/force-deactivate", body, token=TOKENS.admin)

        assert told["reason"].startswith("admin_key: ")
        assert "the " not in told["reason"]


async def test_a_body_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        for path, token in (("/place_order", "a.b.c"), ("/api/kill-switch", TOKENS.admin)):
            status, told = await house.ask("POST", path, raw=b" " * (LARGEST_BODY + 1), token=token)
            assert (status, told["error"]) == (413, "BODY_TOO_LARGE")


async def test_a_large_body_in_pieces_of_unknown_length_is_not_read_either(tmp_path: Path) -> None:
    async def pieces() -> Any:
        for _ in range(40):
            yield b" " * 1_024

    async with a_house(tmp_path) as house:
        headers = {"Authorization": f"Bearer {TOKENS.admin}"}
        async with house.session.post(house.url + "/api/kill-switch", data=pieces(), headers=headers) as answer:
            assert answer.status == 413


async def test_an_unknown_page_or_method_is_told_as_json(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        assert (await house.ask("GET", "/nothing"))[0] == 404
        assert (await house.ask("DELETE", "/proposals"))[0] == 405
        assert (await house.ask("POST", "/health"))[0] == 405


async def test_whoever_sends_slowly_is_given_up_and_holds_nobody_up(tmp_path: Path) -> None:
    async with a_house(tmp_path, patience_s=0.3) as house:
        host, port = house.server.listening[0].host, house.server.listening[0].port
        slow = [await asyncio.open_connection(host, port) for _ in range(80)]
        head = f"POST /api/kill-switch HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKENS.admin}\r\n"
        for _, writer in slow:
            writer.write(f"{head}Content-Length: 10\r\n\r\n{{".encode())

        status, _ = await house.ask("POST", "/api/kill-switch", {"reason": "now"}, token=TOKENS.operator)

        assert status == 200
        told = await asyncio.wait_for(slow[0][0].readline(), 5)
        assert told.startswith(b"HTTP/1.1 503")
        for _, writer in slow:
            writer.close()


async def test_an_error_of_ours_is_told_without_details(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:

        def breaks() -> Any:
            raise RuntimeError("the secret of the house")

        object.__setattr__(house.server._desks, "health", breaks)

        assert await house.ask("GET", "/health") == (500, {"error": "UNEXPECTED", "reason": "see the log"})
        assert (await house.ask("GET", "/proposals"))[0] == 200


async def test_records_that_are_away_are_a_503(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.path.records.broken = True
        for method, path in (("GET", "/proposals"), ("POST", "/proposals/x/approve"), ("POST", "/place_order")):
            body = {"approved_by": "admin"}
            status, _ = await house.ask(method, path, body, headers={"X-Operator-Token": TOKENS.operator})
            assert status == 503
        house.path.records.broken = False


# --- what the pages do -----------------------------------------------------------------------------------------------


async def test_an_approval_tells_its_token_and_a_rejection_its_status(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        first, second = house.persons.propose(), house.persons.propose()

        approved = await house.ask(
            "POST", f"/proposals/{first.proposal_id}/approve", {"approved_by": "admin"}, token=TOKENS.operator
        )
        rejected = await house.ask(
            "POST",
            f"/proposals/{second.proposal_id}/reject",
            {"rejected_by": "admin", "rejection_reason": "Risk too high"},
            token=TOKENS.operator,
        )

        assert approved[0] == rejected[0] == 200
        assert set(approved[1]) == {
            "approval_id",
            "proposal_id",
            "token",
            "token_hash",
            "token_jti",
            "token_expires_at",
        }
        assert rejected[1]["status"] == "rejected"
        again = await house.ask(
            "POST", f"/proposals/{first.proposal_id}/approve", {"approved_by": "admin"}, token=TOKENS.operator
        )
        assert (again[0], again[1]["error"]) == (409, "PROPOSAL_NOT_PENDING")


async def test_proposals_are_listed_by_status(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        proposal = house.persons.propose()

        async def listed(query: str) -> list[str]:
            _, told = await house.ask("GET", f"/proposals{query}")
            return [each["proposal_id"] for each in told["proposals"]]

        assert await listed("") == await listed("?status=all") == [proposal.proposal_id]
        assert await listed("?status=approved") == []
        assert (await house.ask("GET", "/proposals?status=x"))[0] == 400
        _, shown = await house.ask("GET", f"/proposals/{proposal.proposal_id}")
        assert shown["payload_hash"] == proposal.payload_hash
        assert len(shown["payload"]["positions"]) == 13


async def test_a_token_is_issued_only_for_what_stands_there(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        proposal = house.persons.propose()
        asked = {
            "proposal_id": proposal.proposal_id,
            "correlation_id": proposal.correlation_id,
            "proposal_payload_hash": proposal.payload_hash,
        }

        issued = await house.ask("POST", "/issue_token", asked, token=TOKENS.operator)
        unknown = await house.ask("POST", "/issue_token", asked | {"proposal_id": "x"}, token=TOKENS.operator)
        other = await house.ask("POST", "/issue_token", asked | {"correlation_id": "x"}, token=TOKENS.operator)

        assert issued[0] == 200
        assert set(issued[1]) == {"token", "token_jti", "token_expires_at"}
        assert (unknown[0], other[0]) == (404, 400)
        order = {"order_intent": {"symbol": "005930", "quantity": 10}}
        status, told = await house.ask("POST", "/place_order", order, token=issued[1]["token"])
        assert (status, told["reason"]) == (403, "Approval record not found")


async def test_an_order_is_placed_with_its_token_alone_and_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        token = await house.persons.token()
        order = {"order_intent": {"symbol": "005930", "quantity": 10}}

        answers = await asyncio.gather(*(house.ask("POST", "/place_order", order, token=token) for _ in range(100)))

        assert sorted(status for status, _ in answers) == [200, *[403] * 99]
        assert len(house.path.broker.sent) == 1


async def test_the_kill_switch_is_answered_before_the_header_is_looked_at(tmp_path: Path) -> None:
    """An earlier system checked the header first, and told a stranger whether it traded (L04)."""
    async with a_house(tmp_path) as house:
        house.path.now(
            lambda rows: kill_switch.activate(
                rows, house.path.clock.now(), "a test", "tester", house.operations.view.switch.scope
            )
        )

        status, told = await house.ask("POST", "/place_order", raw=b"no json")

        assert (status, told["error"]) == (403, "order_blocked_killswitch")


async def test_the_signature_failure_is_written_down_before_it_is_answered_for(tmp_path: Path) -> None:
    """An earlier system did not commit on that path (L04)."""
    async with a_house(tmp_path) as house:
        status, _ = await house.ask("POST", "/place_order", {}, token="a.b.c")
        await house.path.journal.write()

        assert status == 401
        told = (
            "SELECT json_extract(payload_json, '$.reason') FROM event_log WHERE event_type = 'order_rejected_signature'"
        )
        await until(lambda: house.path.by_hand(told) == [("invalid_signature",)])


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/api/kill-switch", {"reason": "stop"}, ("activate all", "admin", "stop")),
        ("/api/kill-switch", {"reason": "stop", "scope": "entries", "by": "kim"}, ("activate entries", "kim", "stop")),
        ("/api/kill-switch/deactivate", {"confirmation_code": "ABC123"}, ("release ABC123", "", "")),
        (
            "/api/kill-switch/force-deactivate",
            {"admin_key": "key", "reason": "fine", "by": "kim"},
            ("release key", "kim", "fine"),
        ),
        ("/api/positions/close-all", {"reason": "out"}, ("close all, confirmed False", "admin", "out")),
        (
            "/api/positions/close-all",
            {"reason": "out", "confirmed": True},
            ("close all, confirmed True", "admin", "out"),
        ),
        ("/api/trading/pause", None, ("pause", "admin", "asked for by the API")),
        ("/api/trading/resume", {"by": "kim", "reason": "on"}, ("resume", "kim", "on")),
    ],
)
async def test_what_is_switched_is_asked_of_the_operators_services(
    tmp_path: Path, path: str, body: Any, expected: tuple[str, str, str]
) -> None:
    async with a_house(tmp_path) as house:
        status, told = await house.ask("POST", path, body, token=TOKENS.admin)

        assert status == 200
        assert house.operations.asked == [expected]
        assert ("confirmation_code" in told) == (path == "/api/kill-switch")


@pytest.mark.parametrize("declined", list(DeclinedCode))
async def test_what_is_declined_is_told_by_its_code(tmp_path: Path, declined: DeclinedCode) -> None:
    async with a_house(tmp_path) as house:
        house.operations.declines = declined

        status, told = await house.ask("POST", "/api/kill-switch", {"reason": "x"}, token=TOKENS.admin)

        assert 400 <= status < 504
        assert told["error"] == declined.value.upper()


async def test_the_breakers_are_shown_and_reset(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        _, before = await house.ask("GET", "/api/circuit-breaker/status")
        _, after = await house.ask("POST", "/api/circuit-breaker/reset", token=TOKENS.admin)

        assert (before["state"], after["state"], after["reset"]) == ("OPEN", "CLOSED", ["loss"])
        assert house.breakers.by == [("admin", "asked for by the API")]


async def test_a_reconnect_needs_the_operators_header(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:

        async def asked(**headers: str) -> int:
            return (await house.ask("POST", "/v1/session/reconnect", headers=headers))[0]

        assert await asked() == 400
        assert await asked(Authorization=f"Bearer {TOKENS.operator}") == 400
        assert await asked(**{"X-Operator-Token": "wrong"}) == 401
        assert await asked(**{"X-Operator-Token": TOKENS.viewer}) == 403
        assert await asked(**{"X-Operator-Token": TOKENS.operator}) == 202
        assert house.reconnects == ["asked"]


# --- the documentation -----------------------------------------------------------------------------------------------


async def test_every_page_and_every_body_is_documented_from_what_checks_it(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        _, document = await house.ask("GET", "/openapi.json")

        paths = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
        assert paths == {(each.path, each.method) for each in ENDPOINTS}
        schemas = document["components"]["schemas"]
        for endpoint in WITH_BODY:
            assert schemas[endpoint.body.__name__]["additionalProperties"] is False
        references = json.dumps(document).split('"#/components/schemas/')[1:]
        assert {text.partition('"')[0] for text in references} <= set(schemas)


async def test_the_page_of_the_documentation_needs_no_network(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house, house.session.get(house.url + "/docs") as answer:
        page = await answer.text()

        assert answer.status == 200
        assert answer.content_type == "text/html"
        assert all(each.path in page for each in ENDPOINTS)
        assert "http://" not in page
        assert "https://" not in page
        assert "<script" not in page


async def test_no_answer_may_be_kept_in_between(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house, house.session.get(house.url + "/proposals") as answer:
        assert answer.headers["Cache-Control"] == "no-store"
