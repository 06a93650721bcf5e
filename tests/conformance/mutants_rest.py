"""Broken keys, limits, envelopes, pages and quotations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from kis_daemon.simulator import (
    fields,
    gateway,
    profile,
    rest,
    rest_days,
    rest_listing,
    rest_pages,
    rest_services,
    tokens,
    wire,
)
from kis_daemon.simulator.exchange import Exchange
from tests.conformance.mutation import breaks, profiles, wrapped

# --- keys and limits ------------------------------------------------------------------------------------------


@breaks("2.2")
def a_new_token_within_six_hours() -> AbstractContextManager[Any]:
    return patch.object(tokens, "SAME_TOKEN_FOR", timedelta(0))


@breaks("2.2")
def the_same_token_for_a_day() -> AbstractContextManager[Any]:
    return patch.object(tokens, "SAME_TOKEN_FOR", timedelta(days=1))


@breaks("2.3")
def no_pause_between_tokens() -> AbstractContextManager[Any]:
    return patch.object(tokens, "BETWEEN_CALLS", timedelta(0))


@breaks("2.2")
def a_token_that_never_ends() -> AbstractContextManager[Any]:
    return patch.object(tokens, "LIFETIME", timedelta(days=30))


@breaks("2.1")
def a_revoked_token_that_lives_on() -> AbstractContextManager[Any]:
    return patch.object(tokens.KeyDesk, "revoke", lambda self, token: None)


@breaks("1.2")
def any_token_will_do() -> AbstractContextManager[Any]:
    return patch.object(tokens.KeyDesk, "check", lambda self, authorization, now: None)


@breaks("3")
def a_call_limit_answered_with_200() -> AbstractContextManager[Any]:
    def failed(reply: Any, args: tuple[Any, ...]) -> Any:
        if b'"EGW00201"' in reply.body:
            reply.set_status(200)
        return reply

    return wrapped(rest, "_response", failed)


@breaks("3")
def a_window_of_two_seconds() -> AbstractContextManager[Any]:
    original = gateway.CallBudget.take
    return patch.object(gateway.CallBudget, "take", lambda self, at: original(self, at / 2))


@breaks("3")
def one_call_a_second_too_many() -> AbstractContextManager[Any]:
    limits = {name: replace(p, rate_limit_per_s=p.rate_limit_per_s + 1) for name, p in profile.PROFILES.items()}
    return patch.dict(profile.PROFILES, limits)


@breaks("4.0")
def paper_with_everything() -> AbstractContextManager[Any]:
    opened = {name: replace(each, on_paper=True) for name, each in rest_services.SERVICES.items()}
    return patch.dict(rest_services.SERVICES, opened)


@breaks("0")
def the_account_is_not_looked_at() -> AbstractContextManager[Any]:
    return patch.object(gateway.Gateway, "check_account", lambda self, fields: None)


# --- envelope and pages ---------------------------------------------------------------------------------------


@breaks("1.4")
def msg1_without_padding() -> AbstractContextManager[Any]:
    return patch.object(wire, "message", lambda text: text)


@breaks("1.4")
def refusals_with_another_rt_cd() -> AbstractContextManager[Any]:
    return profiles(refused_rt="9")


@breaks("1.5")
def pages_that_end_early() -> AbstractContextManager[Any]:
    return wrapped(rest_listing, "page_of", lambda page, _: replace(page, tr_cont="D"))


@breaks("1.5")
def tr_cont_is_missing() -> AbstractContextManager[Any]:
    return _no_tr_cont()


@contextmanager
def _no_tr_cont() -> Iterator[None]:
    original = rest._response

    def response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Any:
        return original(body, status, {k: v for k, v in (headers or {}).items() if k != "tr_cont"})

    with patch.object(rest, "_response", response):
        yield


@breaks("1.5")
def a_balance_of_30_rows_a_page() -> AbstractContextManager[Any]:
    return profiles(balance_rows=30)


@breaks("1.5")
def a_cursor_that_needs_no_header() -> AbstractContextManager[Any]:
    return _always_continued()


@contextmanager
def _always_continued() -> Iterator[None]:
    original = fields.Fields.of_query.__func__  # type: ignore[attr-defined]  # the function of a class method

    def of_query(cls: Any, query: Any, *, is_continued: bool = False) -> Any:
        return original(cls, query, is_continued=True)

    with patch.object(fields.Fields, "of_query", classmethod(of_query)):
        yield


@breaks("1.5")
def cursors_without_padding() -> AbstractContextManager[Any]:
    return patch.object(rest_pages, "cursor", lambda text, chars=100: text)


# --- quotations -----------------------------------------------------------------------------------------------


@breaks("4.2.6")
def a_chart_of_120_rows() -> AbstractContextManager[Any]:
    return patch.object(rest_days, "CHART_ROWS", 120)


@breaks("4.2.6", "4.2.5")
def adjusted_and_raw_exchanged() -> AbstractContextManager[Any]:
    original = Exchange.chart

    def chart(self: Exchange, *args: Any, adjusted: bool) -> Any:
        return original(self, *args, adjusted=not adjusted)

    return patch.object(Exchange, "chart", chart)


@breaks("4.2.6")
def no_row_for_today() -> AbstractContextManager[Any]:
    return patch.object(rest_days, "today_bar", lambda _: ())


@breaks("0")
def signs_exchanged() -> AbstractContextManager[Any]:
    return wrapped(wire, "sign_of", lambda sign, _: {2: 5, 5: 2}.get(sign, sign))
