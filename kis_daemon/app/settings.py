"""Settings: read once at the start from the command line, the environment, `.env` and the YAML files, in that order.

Rules of this room (architecture, section 6)
    One frozen object whose fields are the domain's own dataclasses: there is no second set of configuration classes.
    It goes no further than the composition; a service receives its own slice.
    Whatever contradicts itself, is out of range or unknown refuses the start with one line, and nothing is written.
    Secrets are `SecretStr`; none of them enters a refusal or the hash.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from kis_daemon.app.errors import ConfigurationError, UsageError
from kis_daemon.app.modes import TradingMode, Venue
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings_database import database_url, passwords
from kis_daemon.app.settings_fields import SECTIONS, nested, refuse_what_does_not_fit
from kis_daemon.app.settings_http import HttpAccess, http_access
from kis_daemon.app.settings_keys import Credentials, credentials, get_trading_mode, refuse_what_contradicts
from kis_daemon.app.settings_sources import FIELD_VARIABLES, Given, dotenv_file, environment, yaml_files
from kis_daemon.console.alerts import AlertRules
from kis_daemon.console.catalogue import Language
from kis_daemon.domain.approvals import ApprovalRules
from kis_daemon.domain.breakers import BreakerRules
from kis_daemon.domain.exits import GapRules
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.positions import ProtectionRules
from kis_daemon.domain.risk import RiskLimits
from kis_daemon.domain.strategy import EntryRules, TrendBreakRules
from kis_daemon.domain.universe import CandidatePool, SelectionMethod, UniverseRules

_SHORTEST_SECRET = 32  # bytes (C19)
_SHORTEST_ADMIN_KEY = 16  # bytes
_MOST_PAPER_CALLS = 2  # a second; KIS has allowed 1 since 2026-04 and 2 before

MODE_DEFAULTS: Mapping[str, Mapping[TradingMode, str]] = {
    "protection.max_loss_pct": {TradingMode.PAPER: "5.0", TradingMode.REAL: "3.0"},
    "gap.threshold_pct": {TradingMode.PAPER: "2.0", TradingMode.REAL: "1.5"},
    "risk.max_daily_loss_pct": {TradingMode.PAPER: "5.0", TradingMode.REAL: "2.0"},
    "risk.max_trades_a_day": {TradingMode.PAPER: "20", TradingMode.REAL: "3"},
    "risk.max_consecutive_losses": {TradingMode.PAPER: "3", TradingMode.REAL: "2"},
}
"""Defaults that are stricter with real money (requirements, section 8); a YAML file that names the field decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramAccess:
    """The bot that speaks and the chat that listens."""

    token: SecretStr
    chat_id: str


class Settings(BaseSettings):
    """Everything that decides a run. Made by `load_settings`; takes nothing from the process by itself."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    trading_mode: TradingMode = TradingMode.PAPER
    credentials: Credentials | None = None
    kis_rest_url: str | None = None
    kis_ws_url: str | None = None
    kis_ws_symbols: tuple[Symbol, ...] = ()
    api_timeout_s: float = 15.0
    kis_calls_per_second: int | None = None
    jwt_secret: SecretStr | None = None
    telegram: TelegramAccess | None = None
    kill_switch_admin_key: SecretStr | None = None
    kill_switch_two_persons: bool = False
    database_url: SecretStr | None = None
    data_dir: Path = Path("data")
    config_dir: Path = Path("config")
    log_dir: Path = Path("logs")
    language: Language = Language.KO

    entry: EntryRules = Field(default_factory=EntryRules)
    protection: ProtectionRules = Field(default_factory=ProtectionRules)
    trend_break: TrendBreakRules = Field(default_factory=TrendBreakRules)
    gap: GapRules = Field(default_factory=GapRules)
    risk: RiskLimits = Field(default_factory=RiskLimits)
    breaker: BreakerRules = Field(default_factory=BreakerRules)
    universe: UniverseRules = Field(default_factory=UniverseRules)
    approvals: ApprovalRules = Field(default_factory=ApprovalRules)
    alerts: AlertRules = Field(default_factory=AlertRules)
    http: HttpAccess = Field(default_factory=HttpAccess)
    commission_pct: float = 0.0140527

    @property
    def venue(self) -> Venue:
        """Who answers: KIS where there are keys, else the embedded simulator."""
        if self.credentials is None:
            return Venue.SIMULATOR
        return Venue.KIS_REAL if self.trading_mode is TradingMode.REAL else Venue.KIS_PAPER

    @property
    def commission_ppb(self) -> int:
        """The commission in parts per billion, as `domain.costs` takes it."""
        return round(self.commission_pct * 10_000_000)

    @property
    def database(self) -> str:
        """The URL of the database in force; it may hold a password.

        The embedded simulator always has its own (C01): its invented positions never meet those of an account.
        """
        if self.venue is Venue.SIMULATOR:
            return f"sqlite:///{self.data_dir / 'simulated.db'}"
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'kis_trading.db'}"

    def secrets(self) -> tuple[str, ...]:
        """Return every text that must never be shown, for the log's mask."""
        held: list[SecretStr | None] = [self.jwt_secret, self.kill_switch_admin_key]
        if self.credentials is not None:
            held += [self.credentials.app_key, self.credentials.app_secret, self.credentials.account_no]
        if self.telegram is not None:
            held.append(self.telegram.token)
        held += [self.http.viewer, self.http.operator, self.http.admin]
        found = [secret.get_secret_value() for secret in held if secret is not None]
        if self.database_url is not None:
            found.extend(passwords(self.database_url.get_secret_value()))
        return tuple(filter(None, found))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `load_settings` has read all others, and knows the place of every value
        return super().settings_customise_sources(
            settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
        )[:1]


def load_settings(options: RunOptions, environ: Mapping[str, str], dotenv: Path | None) -> Settings:
    """Return the settings in force, or raise the `UsageError` or `ConfigurationError` that says why not."""
    ours, files = environment(environ), dotenv_file(dotenv)
    mode = get_trading_mode(ours, files)
    if mode is TradingMode.REAL and not options.confirm_real_trading:
        raise UsageError("usage.confirm_real")
    variables = {name: Given(value=value, place=f"{dotenv}: {name}") for name, value in files.items()}
    variables |= {name: Given(value=value, place=name) for name, value in ours.items()}
    refuse_what_contradicts(mode, variables)
    urls = _urls(mode, variables)
    keys = credentials(mode, variables, needed=mode is TradingMode.REAL or bool(urls))
    given = _merged(mode, options, variables)
    settings = Settings.model_validate(
        {
            "trading_mode": mode,
            "credentials": keys,
            **urls,
            "jwt_secret": _text(variables, "EXECUTION_JWT_SECRET"),
            "telegram": _telegram(variables),
            "http": http_access(variables),
            "kill_switch_admin_key": _admin_key(variables),
            "database_url": database_url(variables),
            "data_dir": options.data_dir,
            "config_dir": options.config_dir,
            "log_dir": Path(_text(variables, "AUTO_TRADE_LOG_DIR") or "logs").expanduser(),
            "language": Language.of(_text(variables, "LANGUAGE")),
            **nested(given),
        }
    )
    refuse_what_does_not_fit(settings, given)
    _refuse_what_the_venue_forbids(settings, options, given)
    if mode is TradingMode.PAPER:
        assert_not_real_mode(settings)
    return settings


def assert_not_real_mode(settings: Settings) -> None:
    """Raise if anything of `settings` could reach real money (S3-F01); asked on every PAPER path."""
    if settings.trading_mode is TradingMode.REAL:
        raise ConfigurationError("config.real_mode_in_paper", found="TRADING_MODE REAL")
    if settings.venue is Venue.KIS_REAL:
        raise ConfigurationError("config.real_mode_in_paper", found=Venue.KIS_REAL)


def config_hash(settings: Settings) -> str:
    """Return the SHA-256 of what decides trades: the rules, the mode, the venue; no secret, path or speed."""
    judgement: dict[str, Any] = {name: asdict(getattr(settings, name)) for name in SECTIONS if name != "alerts"}
    judgement |= {"mode": settings.trading_mode, "venue": settings.venue}
    text = json.dumps(judgement, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _merged(mode: TradingMode, options: RunOptions, variables: Mapping[str, Given]) -> dict[str, Given]:
    """Return what every source says of the fields that have a type, the strongest last to speak."""
    given = {path: Given(value=value[mode], place=path) for path, value in MODE_DEFAULTS.items()}
    given |= yaml_files(options.config_dir)
    typed = (
        "API_TIMEOUT",
        "KIS_CALLS_PER_SECOND",
        "KIS_WS_SYMBOLS",
        "ORDER_QUANTITY",
        "MAX_QTY",
        "APPROVAL_POLICY",
        "KILL_SWITCH_TWO_PERSONS",
    )
    given |= {FIELD_VARIABLES[name]: variables[name] for name in typed if name in variables}
    if options.symbols:
        given["universe.stocks"] = Given(value=tuple(options.symbols), place="--symbols")
        given["universe.selection_method"] = Given(value=SelectionMethod.FIXED, place="--symbols")
    return given


def _text(variables: Mapping[str, Given], name: str) -> str | None:
    return str(variables[name].value) if name in variables else None


def _urls(mode: TradingMode, variables: Mapping[str, Given]) -> dict[str, str]:
    """Return the servers that stand in for KIS's paper ones: both or none, on this machine only, never in REAL."""
    schemes = {"KIS_REST_URL": ("http", "https"), "KIS_WS_URL": ("ws", "wss")}
    said = {name: variables[name] for name in schemes if name in variables}
    for name, url in said.items():
        if mode is TradingMode.REAL:
            raise ConfigurationError("config.url_in_real", place=url.place)
        if not _is_loopback(str(url.value), schemes[name]):
            raise ConfigurationError("config.url_not_loopback", place=url.place, schemes="/".join(schemes[name]))
    missing = [name for name in schemes if name not in said]
    if said and missing:
        raise ConfigurationError("config.keys_missing", place=missing[0], mode=" and ".join(said))
    return {FIELD_VARIABLES[name]: str(url.value) for name, url in said.items()}


def _is_loopback(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in schemes or "@" in parts.netloc or "\\" in url:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _telegram(variables: Mapping[str, Given]) -> TelegramAccess | None:
    token, chat_id = _text(variables, "TELEGRAM_BOT_TOKEN"), _text(variables, "TELEGRAM_CHAT_ID")
    if token is None and chat_id is None:
        return None
    if token is None or chat_id is None:
        missing = "TELEGRAM_BOT_TOKEN" if token is None else "TELEGRAM_CHAT_ID"
        raise ConfigurationError("config.telegram_half", place=missing)
    return TelegramAccess(token=SecretStr(token), chat_id=chat_id)


def _admin_key(variables: Mapping[str, Given]) -> str | None:
    """Return the key that releases the kill switch without its code; a short one would be guessed."""
    key = _text(variables, "KILL_SWITCH_ADMIN_KEY")
    if key is not None and len(key.encode()) < _SHORTEST_ADMIN_KEY:
        place = variables["KILL_SWITCH_ADMIN_KEY"].place
        raise ConfigurationError("config.admin_key_short", place=place, shortest=_SHORTEST_ADMIN_KEY)
    return key


def _refuse_what_the_venue_forbids(settings: Settings, options: RunOptions, given: Mapping[str, Given]) -> None:
    if options.sim_clock and (settings.venue is not Venue.KIS_PAPER or settings.kis_rest_url is None):
        raise UsageError("usage.sim_clock")
    if settings.jwt_secret is not None:
        length = len(settings.jwt_secret.get_secret_value().encode())
        if length < _SHORTEST_SECRET:
            raise ConfigurationError("config.jwt_short", length=length)
    if settings.venue is Venue.SIMULATOR:
        return
    if options.sim.given or options.all_symbols:
        option = options.sim.given[0] if options.sim.given else "--symbols all"
        raise UsageError("usage.sim_with_kis", option=option)
    calls = settings.kis_calls_per_second
    if settings.venue is Venue.KIS_PAPER and calls is not None and calls > _MOST_PAPER_CALLS:
        place = given["kis_calls_per_second"].place
        allowed = {"expected": "expected.whole", "low": 1, "high": _MOST_PAPER_CALLS}
        raise ConfigurationError("refused", place=place, value=repr(str(calls)), **allowed)
    if settings.jwt_secret is None:
        raise ConfigurationError("config.jwt_missing", venue=settings.venue)
    _refuse_nobody_to_choose_from(settings.universe)


def _refuse_nobody_to_choose_from(universe: UniverseRules) -> None:
    if universe.is_automatic:
        if universe.candidate_pool_mode is CandidatePool.YAML and not universe.named:
            raise ConfigurationError("config.universe_no_candidates")
    elif not universe.stocks:
        raise ConfigurationError("config.universe_empty")
