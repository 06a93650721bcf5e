"""Where the HTTP desk listens and for whom: every mistake refuses the start with its place, and no token is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from kis_daemon.app.errors import ExitCode
from kis_daemon.domain.approvals import ApprovalPolicy
from tests.app.test_settings import Desk

TOKEN = "a-token-of-16-bytes-or-more"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_nothing_said_is_loopback_and_no_role(desk: Desk) -> None:
    http = desk.load().http

    assert [str(address) for address in http.addresses] == ["127.0.0.1:8890"]
    assert (http.viewer, http.operator, http.admin) == (None, None, None)


def test_several_addresses_and_all_roles(desk: Desk) -> None:
    settings = desk.load(
        HTTP_BIND="0.0.0.0:8890,127.0.0.1:8001",
        VIEWER_TOKEN=TOKEN + "v",
        OPERATOR_TOKEN=TOKEN + "o",
        ADMIN_TOKEN=TOKEN + "a",
    )

    assert [str(address) for address in settings.http.addresses] == ["0.0.0.0:8890", "127.0.0.1:8001"]
    assert {TOKEN + "v", TOKEN + "o", TOKEN + "a"} <= set(settings.secrets())


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"HTTP_BIND": "8890"}, "HTTP_BIND"),
        ({"HTTP_BIND": "127.0.0.1:99999"}, "HTTP_BIND"),
        ({"HTTP_BIND": "example.com:80"}, "HTTP_BIND"),
        ({"HTTP_BIND": "0.0.0.0:8890"}, "HTTP_BIND"),
        ({"HTTP_BIND": "127.0.0.1:1,192.168.0.7:2"}, "HTTP_BIND"),
        ({"ADMIN_TOKEN": "short"}, "ADMIN_TOKEN"),
        ({"ADMIN_TOKEN": "with blanks in the middle"}, "ADMIN_TOKEN"),
        ({"VIEWER_TOKEN": "é" * 20}, "VIEWER_TOKEN"),
        ({"OPERATOR_TOKEN": TOKEN, "ADMIN_TOKEN": TOKEN}, "ADMIN_TOKEN"),
    ],
)
def test_what_would_be_open_or_cannot_work_refuses_the_start(desk: Desk, environ: dict[str, str], place: str) -> None:
    refusal = desk.refusal(**environ)

    assert refusal.exit_code is ExitCode.CONFIGURATION
    assert place in str(refusal)
    assert not any(value in str(refusal) for name, value in environ.items() if name.endswith("_TOKEN"))


def test_an_address_that_others_reach_needs_a_role(desk: Desk) -> None:
    assert desk.load(HTTP_BIND="0.0.0.0:8890", VIEWER_TOKEN=TOKEN).http.viewer is not None


def test_it_can_be_off(desk: Desk) -> None:
    assert desk.load(HTTP_BIND="off").http.addresses == ()


def test_who_approves_is_a_variable_that_outranks_the_file(desk: Desk) -> None:
    (desk.config / "risk.yaml").write_text("approvals:\n  policy: mandate\n  wait_s: 60\n")

    approvals = desk.load(APPROVAL_POLICY="manual").approvals

    assert (approvals.policy, approvals.wait_s) == (ApprovalPolicy.MANUAL, 60.0)
    assert desk.refusal(APPROVAL_POLICY="nobody").exit_code is ExitCode.CONFIGURATION
