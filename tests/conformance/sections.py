"""All checks of all sections, in the contract's order."""

from tests.conformance import (
    clients,
    s0_conventions,
    s1_envelope,
    s2_s3_keys,
    s4_balance,
    s4_bars,
    s4_changes,
    s4_listing,
    s4_orders,
    s4_profits,
    s4_quotes,
    s4_refusals,
    s4_research,
    s4_timing,
    s4_venues,
    s5_frames,
    s5_notices,
    s5_stream,
    s6_costs,
    s6_market,
    s7_pitfalls,
)
from tests.conformance.registry import CHECKS, Check

MODULES = (
    s0_conventions,
    s1_envelope,
    s2_s3_keys,
    s4_venues,
    s4_quotes,
    s4_bars,
    s4_research,
    s4_orders,
    s4_changes,
    s4_timing,
    s4_balance,
    s4_listing,
    s4_profits,
    s4_refusals,
    s5_stream,
    s5_frames,
    s5_notices,
    s6_market,
    s6_costs,
    s7_pitfalls,
    clients,
)

__all__ = ["CHECKS", "MODULES", "Check"]
