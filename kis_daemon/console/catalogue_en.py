"""What the operator reads in English."""

# ruff: noqa: E501 - one sentence, one line

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    # --- alerts ------------------------------------------------------------------------------------------------------
    "daemon_started": "Trading daemon started: {mode} / {venue}[[, {positions:number} positions]][[, commit {commit:short}]], configuration {config_hash:short}",
    "daemon_stopped": "Trading daemon stopped: {reason}",
    "order_filled": (
        "Filled: {stock} {side:word} {quantity:number} × {price:won} = {amount:won}"
        "[[, rule {rule:word}]][[, realised {realized_pnl:gain}]]"
    ),
    "order_rejected": "Order refused: {stock} {side:word} {quantity:number}[[, code {code}]], {reason}",
    "order_blocked_killswitch": "Order blocked, the kill switch is active: {stock} {side:word} {quantity:number}",
    "order_unconfirmed": (
        "Order outcome unknown: {stock} {side:word} {quantity:number}. It is not sent again; the broker is asked"
    ),
    "order_ambiguous": (
        "Order cannot be matched: more than one broker order fits {stock} {side:word} {quantity:number}. "
        "Buying this symbol has stopped. Please look"
    ),
    "order_cancelled_unfilled": "Cancelled unfilled: {stock} {side:word} {quantity:number}",
    "position_mismatch": (
        "Position differs: {stock} ours {ours:number}, broker's {theirs:number}. The broker's figure is taken"
    ),
    "position_unprotected": "Position unprotected: {stock}, {reason}",
    "external_position": "Held, but not bought by the daemon: {stock} {quantity:number}. It is left alone",
    "exit_pending": "Exit waits: {stock} {rule:word}, {reason}",
    "exit_pending_cleared": "Exit no longer waits: {stock}[[, {reason}]]",
    "gap_exit": (
        "Gap protection sells: {stock} open {open_price:won}, reference ({reference:word}) {reference_price:won}, "
        "gap {raw_gap_pct:pct} (threshold -{threshold_pct:pct})"
    ),
    "near_stop": "Near the stop: {stock}[[ at {price:won}]][[, stop {stop:won}]]",
    "near_target": "Near the target: {stock}[[ at {price:won}]][[, target {target:won}]]",
    "kill_switch_activated": "Kill switch activated: {reason} ({actor}, scope {scope:word})",
    "kill_switch_release_ignored": "A kill switch release without a reason was ignored; release it with a reason",
    "kill_switch_released": "Kill switch released: {reason} ({actor})",
    "kill_switch_seen_active": "The kill switch is active: {reason} ({actor}, scope {scope:word})",
    "kill_switch_seen_released": "The kill switch was released: {reason} ({actor})",
    "cash_unexplained": "Cash differs: ours {ours:won}, broker's {theirs:won}, explained by no trade {difference:gain}",
    "universe_empty": "There is nothing to trade: {reason}",
    "daily_loss_reached": (
        "Daily loss limit reached: no more buying today[[. Realised {realized_pnl:gain}]][[, limit {limit_pct:pct}]]"
    ),
    "calendar_not_covered": (
        "The trading calendar does not cover {day}: buying has stopped. Please renew config/krx_calendar.yaml"
    ),
    "feed_down": "Live quotes lost: {reason}",
    "feed_up": "Live quotes are back",
    "broker_unreachable": "Broker unreachable for {seconds:number} s: buying has stopped",
    "broker_reachable": "Broker reachable again after {seconds:number} s",
    "daily_summary": (
        "{day} closed: {trades:number} trades, realised {realized_pnl:gain}, open {open_pnl:gain}, fees {fees:won}, "
        "tax {tax:won}, cash {cash:won}, equity {equity:won}, {positions:number} positions"
    ),
    "error": "Error: {event}, {message}",
    "alert.warning": "[WARNING] {text}",
    "alert.error": "[ERROR] {text}",
    "alert.repeated": "{text} ({count:number} equal alerts left out)",
    "alert.dropped": "{count:number} alerts could not be sent in time",
    # --- words inside sentences --------------------------------------------------------------------------------------
    "word.BUY": "buy",
    "word.SELL": "sell",
    "word.all": "every order",
    "word.entries": "entries",
    "word.prev_close": "previous close",
    "word.entry": "entry",
    "word.stop": "stop",
    "word.TREND_ATR_BREAKOUT": "breakout",
    "word.GAP_PROTECTION": "gap protection",
    "word.ATR_STOP_LOSS": "stop",
    "word.ATR_TAKE_PROFIT": "target",
    "word.TRAILING_STOP": "trailing stop",
    "word.TREND_BROKEN": "trend broken",
    "word.MANUAL_EXIT": "by hand",
    "word.KILL_SWITCH": "kill switch",
    "word.PENDING": "pending",
    "word.UNCONFIRMED": "unconfirmed",
    "word.SUBMITTED": "submitted",
    "word.PARTIAL": "partly filled",
    "word.FILLED": "filled",
    "word.CANCELLED": "cancelled",
    "word.REJECTED": "refused",
    # --- progress and summary of a simulated run ---------------------------------------------------------------------
    "progress": "{day} {time} {bar} day {done:number}[[/{days:number}]][[  trades {trades:number}]][[  equity {equity:won}]]",
    "summary.title": "Result, trading days: {days:number}",
    "summary.trades": "Trades",
    "summary.no_trades": "No trades",
    "summary.more_trades": "{count:number} earlier ones are left out",
    "summary.symbol": "Symbol",
    "summary.side": "Side",
    "summary.at": "Date, time",
    "summary.price": "Price",
    "summary.quantity": "Quantity",
    "summary.reason": "Reason",
    "summary.pnl": "P&L",
    "summary.realized_pnl": "Realised P&L",
    "summary.open_pnl": "Open P&L",
    "summary.fees": "Fees",
    "summary.tax": "Tax",
    "summary.cash": "Cash",
    "summary.holdings_value": "Holdings",
    "summary.equity": "Equity",
    "summary.orders": "Orders",
    "summary.rejections": "Refused",
    "summary.fills": "Fills",
    "summary.latency": "Tick to order p50 / p99",
    "summary.rss": "Memory",
    "summary.journal_hash": "Journal hash",
    # --- refusals ----------------------------------------------------------------------------------------------------
    "refused": "{place} = {value}: expected {expected}",
    "expected.whole": "a whole number from {low:number} to {high:number}",
    "expected.number": "a number from {low:number} to {high:number}",
    "expected.choice": "one of {choices}",
    "expected.symbols": "a list of six-character codes (digits and capitals, e.g. 005930, 000660)",
    "expected.section": "names with values under it",
    "expected.single": "a single value",
    "expected.at_least": "at least {other} ({limit})",
    "expected.at_most": "at most {other} ({limit})",
    "config.missing_dir": "{place}: the configuration folder is not there; name it with --config-dir",
    "config.unreadable": "{place}: cannot be read ({reason})",
    "config.line": "{place} line {line}: cannot be read ({reason})",
    "config.unknown": "{place}: unknown[[, expected one of {known}]]",
    "config.unknown_variable": "{place}: unknown variable[[, did you mean {known}?]]; .env.example lists them all",
    "config.twice": "{place}: stands twice; keep one",
    "config.mode_mismatch": "TRADING_MODE: .env says {dotenv}, the environment says {environ}; they must be equal",
    "config.mode_disagrees": "{place} = {value}: contradicts TRADING_MODE {mode}, expected {expected}",
    "config.real_keys_in_paper": "{place}: with TRADING_MODE PAPER no REAL_KIS_* variable may be set; remove it",
    "config.contradiction": "{place} and {other}: their values differ; keep one",
    "config.keys_missing": "{place}: missing, and {mode} needs it",
    "config.account": "{place}: expected an account like 12345678-01, or eight digits and a product code",
    "config.account_product": (
        "{place} = {value}: expected product code 01 (cash equities); pension (22), IRP (29) and derivatives (03) "
        "accounts cannot be traded by this daemon"
    ),
    "config.jwt_missing": "EXECUTION_JWT_SECRET: missing, and {venue} needs it (32 bytes or more)",
    "config.jwt_short": "EXECUTION_JWT_SECRET: {length} bytes, expected 32 or more",
    "config.url_in_real": "{place}: the server cannot be changed in REAL; remove it",
    "config.url_not_loopback": "{place}: expected a {schemes} address of this machine (127.0.0.1, localhost, ::1)",
    "config.telegram_half": "{place}: missing; TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID are set both or not at all",
    "config.universe_empty": "universe.stocks: empty; list symbols there or with --symbols",
    "config.real_not_yet": "TRADING_MODE REAL: this version trades on paper and on the simulator only; REAL opens with its readiness check",
    "config.real_mode_in_paper": "The PAPER path met {found}; it does not start",
    "config.data_dir": "{place}: the data folder cannot be written ({reason})",
    "usage.mode_missing": "--mode is missing; say --mode trade (see --help)",
    "usage.mode_later": "--mode {mode}: not there yet; expected trade",
    "usage.confirm_real": "TRADING_MODE REAL: add --confirm-real-trading to trade with real money",
    "usage.sim_with_kis": "{option}: belongs to the embedded simulator and contradicts the KIS keys that are set",
    "usage.sim_clock": "--sim-clock: only in PAPER with a KIS_REST_URL on this machine",
    "usage.options_before_command": "{option}: cannot stand before {command}",
    "usage.symbols": "--symbols {value}: expected all, or six-character codes with commas between",
    "usage.summary_json": "--summary-json {value}: expected a file in a folder that exists",
    "usage.command_absent": "{command}: this command is not there yet",
    "lock.held": "{place}: already running (pid {pid}, since {since}, {command})",
    "unexpected": "Ends by an unexpected error: {message}",
    # --- help --------------------------------------------------------------------------------------------------------
    "help.usage": "Usage: ",
    "help.Options": "Options",
    "help.Commands": "Commands",
    "help.Show this message and exit.": "Show this message and exit.",
    "help.Show the version and exit.": "Show the version and exit.",
    "help.main": (
        "A trading daemon for Korean equities. Without KIS keys it trades on paper against its own simulator. "
        "Settings are in .env and config/*.yaml; .env.example explains every variable."
    ),
    "help.mode": "What to do; for now trade.",
    "help.feed": "Where quotes come from first; the other is the fallback.",
    "help.interval": "The longest time in seconds between two looks when no quote comes.",
    "help.max_runs": "End after this many looks.",
    "help.confirm_real_trading": "Confirm that real money is traded; REAL does not start without it.",
    "help.real_first_order_percent": "Size of the first order of a REAL day, in % of its usual size.",
    "help.real_limit_symbols_first_day": "Trade one symbol only on the first REAL day.",
    "help.summary_json": "Write the result of the run as JSON to this file.",
    "help.data_dir": "Folder of the state: database, lock, mirror files.",
    "help.config_dir": "Folder of the configuration files.",
    "help.symbols": "What to trade: codes with commas between, or all that the simulator lists.",
    "help.sim_speed": "Speed of the simulation: 1 real time, 390 a day a minute, 0 as fast as it goes.",
    "help.sim_days": "End after N trading days.",
    "help.sim_seed": "Seed of the generated prices; the same seed gives the same trades.",
    "help.sim_start": "First day of the simulation.",
    "help.sim_prices": "File of daily bars (CSV or parquet): symbol,date,open,high,low,close,volume.",
    "help.sim_cash": "Cash of the simulated account at its start, in won.",
    "help.sim_profile": "Which KIS server the simulator imitates.",
    "help.sim_clock": "Live at the time of a separately started simulator (PAPER on this machine only).",
    "help.simulator": "Run the KIS simulator alone.",
    "help.kill_switch": "Show, activate or release the kill switch.",
    "help.kill_switch_status": "Show the switch: state, scope, since when, by whom and why.",
    "help.kill_switch_activate": "Activate the switch: with scope all nothing but cancels is sent.",
    "help.kill_switch_release": "Release the switch; a reason and a name are kept with it.",
    "help.kill_switch_reason": "Why; it stays in the audit.",
    "help.kill_switch_by": "Who; it stays in the audit.",
    "help.kill_switch_scope": "all: nothing is ordered; entries: what is held may still be sold.",
    "help.db_init": "Make the database, or bring it to the newest schema; what is in it stays.",
    "help.rest_port": "REST port on 127.0.0.1; 0 takes a free one.",
    "help.ws_port": "WebSocket port on 127.0.0.1; 0 takes a free one.",
    "help.simulator_speed": "Simulated seconds a second; closed hours pass at the same speed.",
    "help.simulator_at": "Hour of the first day to begin at, e.g. 09:30; default 08:50.",
    "help.simulator_state": "File in which the account outlives a restart.",
    "usage.kill_switch_words": "--reason and --by: expected words, why and who",
    "usage.simulator_speed": "--speed {value}: expected more than 0 and at most 10000; other programs live at this speed too",
    "help.db": "Make the database or bring it to the newest schema.",
}
