"""The sample portfolio: positions proposed from a market snapshot by fixed parameters (S0-E, L02).

Rules of this room
    5 Korean positions of 8 % and 8 American ones of 7.5 %, the best by score, then by symbol. Fewer candidates are an
    error, never a smaller portfolio.
    Shares of the whole are kept in basis points; a weight is shown as a fraction.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

_WHOLE_BP = 10_000


class Region(StrEnum):
    KR = "KR"
    US = "US"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRules:
    """The fixed parameters. `volatility`, `drawdown` and `rebalance` are the plan's, kept with every proposal."""

    max_positions: int = 20
    max_weight_bp: int = 800
    kr_weight_bp: int = 4_000
    us_weight_bp: int = 6_000
    kr_positions: int = 5
    us_positions: int = 8
    target_volatility_bp: int = 1_200
    max_drawdown_bp: int = -1_500
    rebalance: str = "monthly"

    @property
    def config_hash(self) -> str:
        """Return the SHA-256 of the parameters as key-sorted JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    symbol: str
    region: Region
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSnapshot:
    """The market as somebody saw it at `asof`."""

    asof: datetime
    source: str
    universe: tuple[Candidate, ...]


def read_snapshot(document: object) -> MarketSnapshot:
    """Return the snapshot written as {asof, source, universe[{symbol, market, score}]}; `ValueError` with the place."""
    if not isinstance(document, Mapping):
        raise ValueError("expected a mapping with asof, source and universe")
    asof = _text(document, "asof", "asof")
    try:
        moment = datetime.fromisoformat(asof)
    except ValueError:
        raise ValueError(f"asof {asof!r}: expected a moment like 2026-03-03T15:30:00+09:00") from None
    if moment.tzinfo is None:
        raise ValueError(f"asof {asof!r}: expected a moment with its offset")
    rows = document.get("universe")
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise ValueError("universe: expected a list")
    candidates = tuple(_candidate(row, f"universe[{index}]") for index, row in enumerate(rows))
    symbols = [candidate.symbol for candidate in candidates]
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if twice:
        raise ValueError(f"universe: {', '.join(twice)} stands there twice")
    return MarketSnapshot(asof=moment, source=_text(document, "source", "source"), universe=candidates)


def allocate(snapshot: MarketSnapshot, rules: AllocationRules) -> dict[str, Any]:
    """Return positions and the check of their constraints, as a proposal holds them; `ValueError` where too few."""
    positions: list[dict[str, Any]] = []
    weights: dict[Region, int] = {}
    for region, count, share_bp in (
        (Region.KR, rules.kr_positions, rules.kr_weight_bp),
        (Region.US, rules.us_positions, rules.us_weight_bp),
    ):
        ranked = sorted(
            (each for each in snapshot.universe if each.region is region), key=lambda each: (-each.score, each.symbol)
        )
        if len(ranked) < count:
            raise ValueError(f"universe: {len(ranked)} symbols of {region}, expected {count} or more")
        weights[region] = share_bp // count
        positions += [
            {
                "symbol": each.symbol,
                "market": region.value,
                "side": "BUY",
                "weight": weights[region] / _WHOLE_BP,
                "score": each.score,
            }
            for each in ranked[:count]
        ]
    actual_kr, actual_us = weights[Region.KR] * rules.kr_positions, weights[Region.US] * rules.us_positions
    heaviest = max(weights.values())
    check = {
        "max_positions": rules.max_positions,
        "max_weight": rules.max_weight_bp / _WHOLE_BP,
        "kr_weight": rules.kr_weight_bp / _WHOLE_BP,
        "us_weight": rules.us_weight_bp / _WHOLE_BP,
        "actual_positions": len(positions),
        "actual_max_weight": heaviest / _WHOLE_BP,
        "actual_kr_weight": actual_kr / _WHOLE_BP,
        "actual_us_weight": actual_us / _WHOLE_BP,
        "passed": (
            len(positions) <= rules.max_positions
            and heaviest <= rules.max_weight_bp
            and (actual_kr, actual_us) == (rules.kr_weight_bp, rules.us_weight_bp)
        ),
    }
    return {"positions": positions, "constraints_check": check}


def _candidate(row: object, place: str) -> Candidate:
    if not isinstance(row, Mapping):
        raise ValueError(f"{place}: expected a mapping with symbol, market and score")
    region, score = _text(row, "market", f"{place}.market"), row.get("score")
    if region not in tuple(Region):
        raise ValueError(f"{place}.market {region!r}: expected KR or US")
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise ValueError(f"{place}.score {score!r}: expected a number")
    return Candidate(symbol=_text(row, "symbol", f"{place}.symbol"), region=Region(region), score=float(score))


def _text(row: Mapping[Any, Any], name: str, place: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= 50:
        raise ValueError(f"{place} {value!r}: expected a text")
    return value.strip()
