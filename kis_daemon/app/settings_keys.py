"""Whose account: the KIS keys of the mode in force, and everything that contradicts them.

Rules of this room (C05, S3-M01..M03, S3-F03)
    `TRADING_MODE` decides; `KIS_ENV` and `KIS_MOCK` must agree where they are set.
    `PAPER_KIS_*` or `REAL_KIS_*` are the keys of a mode, `KIS_*` is another name for those of the mode in force.
    Any `REAL_KIS_*` in PAPER refuses the start. No key at all in PAPER means the embedded simulator; a part of a set
    is refused, and what is missing is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.modes import TradingMode
from kis_daemon.app.settings_sources import Given, shown

_ACCOUNT = re.compile(r"([0-9]{8})(?:-?([0-9]{2}))?")
_CASH_EQUITIES = "01"

_AGREEING = {
    "KIS_ENV": {TradingMode.PAPER: "mock", TradingMode.REAL: "live"},
    "KIS_MOCK": {TradingMode.PAPER: "true", TradingMode.REAL: "false"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The keys of one KIS account. Without `hts_id` there are no execution notices, only the order listing."""

    app_key: SecretStr
    app_secret: SecretStr
    account_no: SecretStr
    product_code: str = _CASH_EQUITIES
    hts_id: str = ""


def get_trading_mode(environ: Mapping[str, str], dotenv: Mapping[str, str]) -> TradingMode:
    """Return the mode in force, PAPER unless said otherwise; refuse any other word and any disagreement."""
    places = {"TRADING_MODE": environ.get("TRADING_MODE"), ".env: TRADING_MODE": dotenv.get("TRADING_MODE")}
    for place, value in places.items():
        if value is not None and value not in tuple(TradingMode):
            raise ConfigurationError(
                "refused",
                place=place,
                value=repr(value),
                expected="expected.choice",
                choices=", ".join(TradingMode),
            )
    ours, files = places.values()
    if ours is not None and files is not None and ours != files:
        raise ConfigurationError("config.mode_mismatch", dotenv=files, environ=ours)
    return TradingMode(ours or files or TradingMode.PAPER)


def refuse_what_contradicts(mode: TradingMode, given: Mapping[str, Given]) -> None:
    """Raise unless every other word about the mode agrees with it, and no real key stands in PAPER (S3-F03)."""
    for variable, words in _AGREEING.items():
        said = given.get(variable)
        if said is not None and str(said.value).lower() != words[mode]:
            raise ConfigurationError(
                "config.mode_disagrees",
                place=said.place,
                value=shown(variable, str(said.value)),
                mode=mode,
                expected=words[mode],
            )
    if mode is TradingMode.PAPER:
        for variable, said in given.items():
            if variable.startswith("REAL_KIS_"):
                raise ConfigurationError("config.real_keys_in_paper", place=said.place)


def credentials(mode: TradingMode, given: Mapping[str, Given], *, needed: bool) -> Credentials | None:
    """Return the keys of `mode`, or None where there is none and none is `needed`."""
    keys = {
        name: _one_of(given.get(f"{mode}_KIS_{name}"), given.get(f"KIS_{name}"))
        for name in ("APP_KEY", "APP_SECRET", "ACCOUNT_NO", "ACCOUNT_PRODUCT_CODE", "HTS_ID")
    }
    if not needed and not any(keys.values()):
        return None
    missing = [name for name in ("APP_KEY", "APP_SECRET", "ACCOUNT_NO") if keys[name] is None]
    if missing:
        by_alias = any(key is not None and f"{mode}_KIS_" not in key.place for key in keys.values())
        prefix = "KIS_" if by_alias else f"{mode}_KIS_"
        raise ConfigurationError("config.keys_missing", place=", ".join(prefix + name for name in missing), mode=mode)
    account, product = keys["ACCOUNT_NO"], keys["ACCOUNT_PRODUCT_CODE"]
    assert account is not None
    number, code = _account(account, product)
    return Credentials(
        app_key=SecretStr(_text(keys["APP_KEY"])),
        app_secret=SecretStr(_text(keys["APP_SECRET"])),
        account_no=SecretStr(number),
        product_code=code,
        hts_id=_text(keys["HTS_ID"]),
    )


def _one_of(prefixed: Given | None, alias: Given | None) -> Given | None:
    if prefixed is not None and alias is not None and prefixed.value != alias.value:
        raise ConfigurationError("config.contradiction", place=prefixed.place, other=alias.place)
    return prefixed or alias


def _account(account: Given, product: Given | None) -> tuple[str, str]:
    """Return number and product code from either form: `12345678-01`, or the number and a code beside it."""
    found = _ACCOUNT.fullmatch(_text(account))
    if found is None:
        raise ConfigurationError("config.account", place=account.place)
    number, inner = found.groups()
    if inner is not None and product is not None and inner != product.value:
        raise ConfigurationError("config.contradiction", place=account.place, other=product.place)
    if inner is None and product is None:
        raise ConfigurationError("config.account", place=account.place)
    code = inner or _text(product)
    if code != _CASH_EQUITIES:
        place = (product or account).place
        raise ConfigurationError("config.account_product", place=place, value=repr(code))
    return number, code


def _text(given: Given | None) -> str:
    return "" if given is None else str(given.value)
