"""Who may ask what (C32): the table of roles, addresses and money, and what a browser may not do."""

from __future__ import annotations

import hmac

import pytest

from kis_daemon.console.http.access import Access, AskedBy, Barred, Role, RoleTokens
from tests.http.house import TOKENS

LOOPBACK, OUTSIDE = "127.0.0.1", "192.168.0.7"
HERE = {"Host": "localhost:8890"}


def judged(
    needed: Role,
    *,
    token: str | None = None,
    address: str = LOOPBACK,
    real: bool = False,
    tokens: RoleTokens = TOKENS,
    headers: dict[str, str] | None = None,
) -> Role | tuple[int, str]:
    shown = HERE | (headers or {}) | ({} if token is None else {"Authorization": f"Bearer {token}"})
    found = Access(tokens, real_money=real).judge(AskedBy(headers=shown, local_address=address), needed)
    return (found.status, found.code) if isinstance(found, Barred) else found


@pytest.mark.parametrize(
    ("needed", "address", "real", "expected"),
    [
        (Role.VIEWER, LOOPBACK, False, Role.VIEWER),
        (Role.NOBODY, LOOPBACK, False, Role.VIEWER),
        (Role.OPERATOR, LOOPBACK, False, (401, "UNAUTHORIZED")),
        (Role.ADMIN, LOOPBACK, False, (401, "UNAUTHORIZED")),
        (Role.VIEWER, OUTSIDE, False, (401, "UNAUTHORIZED")),
        (Role.NOBODY, OUTSIDE, False, (401, "UNAUTHORIZED")),
        (Role.VIEWER, LOOPBACK, True, (401, "UNAUTHORIZED")),
        (Role.NOBODY, LOOPBACK, True, (401, "UNAUTHORIZED")),
        (Role.VIEWER, "::1", False, Role.VIEWER),
        (Role.VIEWER, "", False, (401, "UNAUTHORIZED")),
    ],
)
def test_without_a_token_only_reading_on_loopback_without_real_money_is_free(
    needed: Role, address: str, real: bool, expected: object
) -> None:
    assert judged(needed, address=address, real=real) == expected


@pytest.mark.parametrize("needed", [Role.VIEWER, Role.OPERATOR, Role.ADMIN])
@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.ADMIN])
@pytest.mark.parametrize(("address", "real"), [(LOOPBACK, False), (OUTSIDE, False), (LOOPBACK, True)])
def test_a_role_may_do_what_the_ones_before_it_may(needed: Role, role: Role, address: str, real: bool) -> None:
    token = getattr(TOKENS, role.name.lower())

    answer = judged(needed, token=token, address=address, real=real)

    assert answer == (role if role >= needed else (403, "ROLE_TOO_LOW"))


@pytest.mark.parametrize(
    "token", ["", "x", TOKENS.admin[:-1], TOKENS.admin + "x", TOKENS.admin.upper(), "é" * 20, "\udce9"]
)
def test_a_wrong_token_is_refused_where_none_is_needed_too(token: str) -> None:
    headers = {"X-Operator-Token": token}

    assert judged(Role.VIEWER, headers=headers) == (401, "UNAUTHORIZED")
    assert judged(Role.ADMIN, headers=headers) == (401, "UNAUTHORIZED")


def test_a_role_whose_token_is_not_set_lets_nobody_in() -> None:
    assert judged(Role.OPERATOR, tokens=RoleTokens(), headers={"X-Operator-Token": ""}) == (401, "UNAUTHORIZED")


def test_either_header_carries_a_role() -> None:
    assert judged(Role.ADMIN, headers={"X-Operator-Token": TOKENS.admin}) is Role.ADMIN
    assert judged(Role.ADMIN, token=TOKENS.admin) is Role.ADMIN


def test_where_the_authorization_is_somebody_elses_the_role_stands_beside_it() -> None:
    asked = AskedBy(
        headers=HERE | {"Authorization": "Bearer approval.token.here", "X-Operator-Token": TOKENS.operator},
        local_address=OUTSIDE,
        role_header_only=True,
    )

    assert Access(TOKENS, real_money=True).judge(asked, Role.NOBODY) is Role.OPERATOR


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "http://[", "https://127.0.0.1"]
)
def test_a_page_of_another_origin_is_refused_whatever_it_shows(origin: str) -> None:
    assert judged(Role.VIEWER, token=TOKENS.admin, headers={"Origin": origin}) == (403, "ORIGIN_NOT_ALLOWED")


def test_our_own_page_may_ask() -> None:
    assert judged(Role.VIEWER, headers={"Origin": "http://localhost:8890"}) is Role.VIEWER


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "localhost.evil"])
def test_another_name_for_this_machine_reads_nothing_without_a_token(host: str) -> None:
    """A name that an attacker's server resolves to 127.0.0.1 must not make a browser read for him."""
    assert judged(Role.VIEWER, headers={"Host": host}) == (403, "HOST_NOT_ALLOWED")
    assert judged(Role.NOBODY, headers={"Host": host}) == (403, "HOST_NOT_ALLOWED")
    assert judged(Role.VIEWER, token=TOKENS.viewer, headers={"Host": host}) is Role.VIEWER


def test_all_tokens_are_compared_each_time_and_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    honest = hmac.compare_digest

    def heard(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return honest(one, other)

    monkeypatch.setattr(hmac, "compare_digest", heard)

    TOKENS.role_of(TOKENS.viewer)

    assert compared == [TOKENS.viewer.encode(), TOKENS.operator.encode(), TOKENS.admin.encode()]
