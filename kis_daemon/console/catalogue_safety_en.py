"""What the operator reads in English of locks, loss limits, circuit breakers and mandates."""

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
}
