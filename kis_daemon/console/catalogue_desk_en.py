"""What the operator reads in English about proposals, approvals, mandates and the HTTP desk."""

# ruff: noqa: E501 - one sentence, one line

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "http_not_listening": "The HTTP desk does not listen on {addresses}: {reason}. Trading goes on. Stop who holds the port, or set HTTP_BIND",
    "mandate_missing": "No mandate is in force: nothing is bought. Grant one: main.py mandates grant",
    "proposal_created": "Waits for your approval until {until}: {stock} {side:word} {quantity:number}[[ at most {price:won}]][[, not under {lowest_price:won}]], {reason}. main.py proposals approve {proposal_id} --by NAME",
    "token_issuance_failed": "Token issuance failed: {status}, {reason}",
    "word.PROPOSAL": "approved proposal",
    "config.http_bind": "{place} {value}: expected host:port with commas between, for example 127.0.0.1:8890, or off",
    "config.http_token": "{place}: expected {least} characters or more, ASCII without blanks (openssl rand -hex 32)",
    "config.http_tokens_equal": "{place}: equal to another role's token; each role has its own",
    "config.http_open": "{place}: others reach this address, and no role token is set; set ADMIN_TOKEN, OPERATOR_TOKEN or VIEWER_TOKEN",
    "help.proposals": "Generate, list, approve or reject proposals.",
    "help.proposals_generate": "Keep a market snapshot and propose the sample portfolio from it; prints proposal_id and correlation_id.",
    "help.proposals_snapshot": "The snapshot, JSON: asof, source, universe with symbol, market (KR, US) and score.",
    "help.proposals_list": "Show proposals, the newest first.",
    "help.proposals_status": "Only those of this status.",
    "help.proposals_approve": "Approve PROPOSAL. Positions get their token, printed once; a signal's order is placed by the running daemon.",
    "help.proposals_reject": "Reject PROPOSAL, with a reason.",
    "help.proposals_by": "Who; it stays in the audit.",
    "help.proposals_reason": "Why; it stays in the audit.",
    "help.proposals_expires": "Seconds that the token is good for.",
    "help.mandates": "Grant, list or revoke standing mandates.",
    "help.mandates_list": "Show every mandate and what it is worth now.",
    "help.mandates_grant": "Sign a standing mandate for entries; from then on a start signs none of its own.",
    "help.mandates_revoke": "Revoke MANDATE; entries it covers are refused at once.",
    "help.mandates_symbols": "Codes with commas between; without it every symbol of the venue.",
    "help.mandates_quantity": "Shares of one entry at most.",
    "help.mandates_notional": "Won of all entries of a day at most.",
    "help.mandates_days": "Days until it expires.",
    "proposals.none": "No proposals",
    "proposals.row": "{proposal_id}  {status}  {created_at}  {what}",
    "proposals.positions": "{count:number} positions: {symbols}",
    "proposals.rejected": "Rejected: {proposal_id}",
    "mandates.none": "No mandates",
    "mandates.row": "{mandate}  {state}  {signed_by}, until {expires_at}: {symbols}, {max_quantity:number} shares an entry, {max_notional_a_day:won} a day",
    "mandates.every_symbol": "every symbol",
    "mandates.granted": "Granted: {mandate}",
    "mandates.revoked": "Revoked: {mandate}",
    "usage.proposals_snapshot": "--snapshot {place}: {reason}",
    "usage.proposals_words": "--by and --reason: expected words",
    "usage.proposals_refused": "{code}: {reason}",
    "usage.proposals_daemon": "An order of a signal is placed by the running daemon, which does not answer at {address} ({reason})",
    "usage.proposals_role": "OPERATOR_TOKEN or ADMIN_TOKEN: missing; the running daemon asks for one",
    "usage.no_secret": "EXECUTION_JWT_SECRET: missing; it signs tokens and mandates (openssl rand -hex 32)",
    "usage.mandates_unknown": "{mandate}: no mandate of this name stands; see main.py mandates list",
    "usage.mandates_name": "--by {name}: expected a person's name",
}
