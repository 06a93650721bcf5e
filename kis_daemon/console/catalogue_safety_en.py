"""What the operator reads in English of locks, loss limits, circuit breakers and mandates."""

# ruff: noqa: E501 - one sentence, one line

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    # --- symbol locks ------------------------------------------------------------------------------------------------
    "symbol_lock_seen": "{stock} is locked ({scope:word}) by {actor}: {reason}",
    "symbol_unlock_seen": "{stock} is no longer locked ({scope:word}); it had been by {actor}: {reason}",
    "help.locks": "Show, add or remove symbol locks: a locked symbol is not bought, what is held stays protected.",
    "help.locks_list": "Show every lock: scope, since when, until when, by whom and why.",
    "help.locks_add": "Buy nothing of SYMBOL from now on; what is held of it is still sold by its rules.",
    "help.locks_remove": "Take every lock off SYMBOL, the daemon's own (scope all: no automatic exit) too.",
    "help.locks_until": "When it ends: 2026-11-30 or 2026-11-30T09:00, Seoul time; else when removed.",
    "help.locks_hours": "Or in how many hours it ends.",
    "usage.locks_two_ends": "--until and --hours: expected one of the two",
    "usage.locks_until": "--until {value}: expected a date or a moment to come, such as 2026-11-30 or 2026-11-30T09:00",
    "usage.locks_symbol": "{value}: expected a symbol of six characters, such as 005930",
    "usage.locks_none": "{symbol} is not locked",
    # --- loss limits, circuit breakers, mandates ----------------------------------------------------------------------
    "circuit_breaker_opened": "The circuit breaker ({breaker:word}) has opened: {trigger:word} {actual:number}, limit {threshold:number}. No entries until {until}; exits go on",
    "circuit_breaker_half_open": "The circuit breaker ({breaker:word}) is half open: few and small entries, on trial",
    "circuit_breaker_closed": "The circuit breaker ({breaker:word}) is closed again after {good:number} good and {bad:number} bad trades",
    "circuit_breaker_reset_seen": "The circuit breaker ({breaker:word}) was reset by a person",
    "daily_loss_warning": "The daily loss comes near its limit: realised {realized_pnl:gain}, limit {limit_pct:pct}",
    "losses_in_a_row": "{losses:number} losses in a row: no more buying today",
    "drawdown_warning": "The account is {drawdown_pct:pct} below its highest {peak:won}; at {limit_pct:pct} the loss breaker opens",
    "mandate_ends": "The mandate {mandate} ends in {days:number} days, at {expires_at}. Afterwards nothing is bought: restart the daemon to sign a new one",
    "mandate_ended": "The mandate {mandate} ended at {expires_at}: NOTHING is bought any more, exits go on. Restart the daemon to sign a new one",
    "word.loss": "losses",
    "word.api": "broker's answers",
    "word.max_drawdown": "drawdown %",
    "word.max_daily_loss": "daily loss",
    "word.rapid_loss": "rapid loss",
    "word.consecutive_losses": "losing trades",
    "word.position_limit": "position limit",
    "word.exchange_error": "exchange errors",
    "word.network_issue": "unanswered questions %",
    "word.manual": "by hand",
    "help.breaker": "Show or reset the circuit breakers.",
    "help.breaker_status": "Show both breakers: state, trigger, cool-down.",
    "help.breaker_reset": "Close what is open; a reason and a name are kept with it.",
    "help.breaker_name": "Only this one; else both.",
    "usage.breaker_closed": "no circuit breaker is open",
}
