"""The documents' curl lines, as they stand but for port and role header, with what the real process answers.

One daemon on its embedded simulator, where a person approves each entry; the flows follow one another as in runbooks.
"""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.e2e.processes import Running, here, started, until
from tests.e2e.records import rows

OPERATOR, ADMIN, KEY = "operator-token-for-curl", "admin-token-for-curl-fl", "the-admin-key-for-curl-flows-32b"
SECRET = "curl flows " * 4


@dataclass
class Desk:
    """The running daemon, and curl."""

    home: Path
    running: Running
    port: int
    variables: dict[str, str]
    seen: dict[str, Any] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.home / "data" / "simulated.db"

    def curl(self, line: str) -> tuple[int, Any]:
        """Run a curl line whose ports of the documents are ours; return status and JSON."""
        for port in ("8001", "8002", "8890", "8000"):
            line = line.replace(f"localhost:{port}", f"localhost:{self.port}")
        told = subprocess.run(
            [*shlex.split(line), "-s", "-w", "\n%{http_code}"], capture_output=True, text=True, timeout=60, check=True
        )
        body, _, status = told.stdout.rpartition("\n")
        return int(status), {"page": body} if body.startswith("<!doctype html>") else json.loads(body)

    def command(self, *arguments: str) -> int:
        where = ("--config-dir", str(ROOT / "config"), "--data-dir", str(self.home / "data"))
        return here([*arguments, *where], self.home, self.variables)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        return rows(self.database, statement)


def a_free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not there")
    home, port = tmp_path_factory.mktemp("curl"), a_free_port()
    variables = {
        "HTTP_BIND": f"127.0.0.1:{port}",
        "OPERATOR_TOKEN": OPERATOR,
        "ADMIN_TOKEN": ADMIN,
        "KILL_SWITCH_ADMIN_KEY": KEY,
        "EXECUTION_JWT_SECRET": SECRET,
        "APPROVAL_POLICY": "manual",
    }
    arguments: list[str | Path] = [
        *("--mode", "trade", "--sim-speed", "60", "--sim-days", "1"),
        *("--config-dir", ROOT / "config", "--data-dir", home / "data"),
    ]
    with started(arguments, home, variables) as running:
        made = Desk(home, running, port, variables)
        running.until_said("http_listening")

        def trades() -> bool:
            _, told = made.curl("curl http://localhost:8000/health")
            at = str(told["at"])
            return told["gate"] == "OPEN" and "09:02" <= at[11:16] < "15:00"

        until(trades, "the session is open", running)
        yield made
        assert running.stopped() == 0


def test_the_flows_answer_as_the_table_says(desk: Desk) -> None:
    role = f"-H 'Authorization: Bearer {OPERATOR}'"
    admin = f"-H 'Authorization: Bearer {ADMIN}'"
    json_type = "-H 'Content-Type: application/json'"

    # the engine makes a proposal
    assert desk.command("proposals", "generate", "--snapshot", str(ROOT / "data" / "sample_snapshot.json")) == 0
    assert desk.command("proposals", "generate", "--snapshot", str(ROOT / "data" / "sample_snapshot.json")) == 0
    status, told = desk.curl("curl http://localhost:8001/proposals")
    ours = [each["proposal_id"] for each in told["proposals"] if "positions" in each["payload"]]
    assert (status, len(ours)) == (200, 2)
    first, second = ours

    table: list[tuple[str, int, str | None]] = [
        ("curl http://localhost:8001/docs", 200, None),
        (f"curl http://localhost:8001/proposals/{first}", 200, None),
        ("curl http://localhost:8001/proposals/unknown", 404, "PROPOSAL_NOT_FOUND"),
        (
            f"curl -X POST http://localhost:8001/proposals/{second}/reject {json_type} "
            """-d '{"rejected_by": "admin", "rejection_reason": "Risk too high"}'""",
            401,
            "UNAUTHORIZED",
        ),
        (
            f"curl -X POST http://localhost:8001/proposals/{second}/reject {json_type} {role} "
            """-d '{"rejected_by": "admin", "rejection_reason": "Risk too high"}'""",
            200,
            None,
        ),
        (
            f"curl -X POST http://localhost:8001/proposals/{second}/approve {json_type} {role} "
            """-d '{"approved_by": "admin", "expires_in_seconds": 3600}'""",
            409,
            "PROPOSAL_NOT_PENDING",
        ),
    ]
    expect(desk, table)

    # a person approves, and the token places one order
    status, approved = desk.curl(
        f"curl -X POST http://localhost:8001/proposals/{first}/approve {json_type} {role} "
        """-d '{"approved_by": "admin", "expires_in_seconds": 3600}'"""
    )
    assert status == 200
    place = f"curl -X POST http://localhost:8002/place_order {json_type} "
    bearer = f"-H 'Authorization: Bearer {approved['token']}' "
    apple = """-d '{"order_intent": {"symbol": "AAPL", "quantity": 10}}'"""
    samsung = """-d '{"order_intent": {"symbol": "005930", "quantity": 10}}'"""
    forged = approved["token"][:-4] + ("AAAA" if approved["token"][-4:] != "AAAA" else "BBBB")
    expect(
        desk,
        [
            (place + samsung, 401, "order_rejected_no_token"),
            (place + f"-H 'Authorization: Bearer {forged}' " + samsung, 401, "order_rejected_signature"),
            (place + bearer + """-d '{"order_intent": {}}'""", 400, "order_rejected_malformed"),
            (place + bearer + apple, 403, "order_rejected_unsupported_symbol"),
            (place + bearer + samsung, 200, None),
            (place + bearer + samsung, 403, "order_rejected_record"),
        ],
    )
    assert desk.sql("SELECT count(*) FROM order_state WHERE rule = 'PROPOSAL'") == [(1,)]

    # the kill switch stops everything, before anything else is looked at
    activate = f"curl -X POST http://localhost:8000/api/kill-switch {json_type} "
    expect(desk, [(activate + """-d '{"reason": "Emergency"}'""", 401, "UNAUTHORIZED")])
    status, told = desk.curl(activate + admin + """ -d '{"reason": "Emergency"}'""")
    assert (status, told["status"], told["scope"]) == (200, "active", "all")
    code = told["confirmation_code"]
    wrong = "ABC123" if code != "ABC123" else "ABC124"
    release = f"curl -X POST http://localhost:8000/api/kill-switch/deactivate {json_type} {admin} "
    force = f"curl -X POST http://localhost:8000/api/kill-switch/force-deactivate {json_type} {admin} "
    words = '"reason": "looked at", "by": "kim"'
    expect(
        desk,
        [
            (place + samsung, 403, "order_blocked_killswitch"),
            (place + bearer + samsung, 403, "order_blocked_killswitch"),
            (release + f"""-d '{{"confirmation_code": "{code}"}}'""", 400, "WORDS_MISSING"),
            (release + f"-d '{{{words}}}'", 400, "CODE_NEEDED"),
            (release + f"""-d '{{"confirmation_code": "{wrong}", {words}}}'""", 403, "CODE_WRONG"),
            (release + f"""-d '{{"confirmation_code": "{code}", {words}}}'""", 200, None),
            (release + f"""-d '{{"confirmation_code": "{code}", {words}}}'""", 409, "NOT_ACTIVE"),
            (activate + admin + """ -d '{"reason": "again", "scope": "entries"}'""", 200, None),
            (force + f"""-d '{{"admin_key": "wrong", {words}}}'""", 403, "KEY_WRONG"),
            (force + f"""-d '{{"admin_key": "{KEY}", {words}}}'""", 200, None),
        ],
    )

    # what pauses, resets, closes and connects anew
    post = "curl -X POST http://localhost:8000"
    expect(
        desk,
        [
            ("curl http://localhost:8000/api/circuit-breaker/status", 200, None),
            (f"{post}/api/circuit-breaker/reset {role}", 403, "ROLE_TOO_LOW"),
            (f"{post}/api/circuit-breaker/reset {admin}", 200, None),
            (f"{post}/api/trading/pause {admin}", 200, None),
            (f"{post}/api/trading/resume {admin}", 200, None),
            ("curl http://localhost:8000/api/positions", 200, None),
            (f"{post}/api/positions/close-all {admin}", 400, "BAD_REQUEST"),
            ("curl http://localhost:8890/v1/session/live-readiness", 200, None),
            ("curl -X POST http://localhost:8890/v1/session/reconnect", 400, "OPERATOR_TOKEN_REQUIRED"),
            (f"curl -X POST http://localhost:8890/v1/session/reconnect -H 'X-Operator-Token: {OPERATOR}'", 202, None),
            (f"""{post}/api/positions/close-all {admin} -d '{{"reason": "Emergency"}}'""", 200, None),
        ],
    )

    # everything of it stands in the log
    until(
        lambda: {"proposal_created", "approval_granted", "approval_rejected"} <= types(desk), "the facts", desk.running
    )
    assert {"kill_switch_activated", "kill_switch_deactivated", "order_requested"} <= types(desk)
    secrets = (approved["token"], OPERATOR, ADMIN, KEY, SECRET)
    said = desk.running.said + (desk.home / "logs" / "kis_daemon.jsonl").read_text("utf-8")
    assert [secret for secret in secrets if secret in said] == []
    assert "http_request_failed" not in said


def expect(desk: Desk, table: list[tuple[str, int, str | None]]) -> None:
    """Run the lines in their order and compare each with its code and error."""
    found: list[tuple[str, int, str | None]] = []
    reasons: list[str | None] = []
    for line, _, _ in table:
        status, told = desk.curl(line)
        found.append((line, status, told.get("error")))
        reasons.append(told.get("reason"))
    assert found == table, reasons


def types(desk: Desk) -> set[str]:
    return {name for (name,) in desk.sql("SELECT DISTINCT event_type FROM event_log")}
