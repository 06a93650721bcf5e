"""A sweep as JSON: what was asked, every study with its trials, the order of trades, and the warnings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from kis_daemon.app.sweep.run import Stretch, SweepPlan, Swept
from kis_daemon.app.sweep.study import Finished


def as_json(plan: SweepPlan, swept: Swept) -> dict[str, Any]:
    """Return the sweep as plain values; where the studies lie is left out, it may hold a password."""
    return {
        "study": plan.name,
        "rule": str(plan.job.rule),
        "metric": str(plan.metric),
        "trials": plan.trials,
        "seed": plan.seed,
        "symbols": list(plan.job.symbols),
        "ranges": [asdict(span) for span in plan.space.spans],
        "fixed": list(plan.space.fixed),
        "studies": [_stretch(stretch) for stretch in swept.stretches],
        "order_of_trades": None if swept.shuffled is None else asdict(swept.shuffled),
        "warnings": {
            "at_edge": [{"study": study, "value": written} for study, written in swept.edges],
            "falls_apart": swept.falls_apart,
        },
    }


def _stretch(stretch: Stretch) -> dict[str, Any]:
    return {
        "study": stretch.study,
        "from": stretch.days[0].isoformat(),
        "to": stretch.days[1].isoformat(),
        "best": None if stretch.best is None else _trial(stretch.best),
        "after": None
        if stretch.after is None
        else {
            "from": stretch.after[0].isoformat(),
            "to": stretch.after[1].isoformat(),
            "figures": {} if stretch.outside is None else dict(stretch.outside.figures),
        },
        "trials": [_trial(trial) for trial in stretch.finished],
    }


def _trial(trial: Finished) -> dict[str, Any]:
    return {
        "number": trial.number,
        "values": dict(trial.values),
        "value": trial.value,
        "figures": dict(trial.figures),
    }
