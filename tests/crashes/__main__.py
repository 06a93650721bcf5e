"""`python -m tests.crashes --jobs 2`: the whole campaign, a line a morning, then the table; 1 if anything is wrong."""

from __future__ import annotations

import sys
import time

import click

from tests.crashes.campaign import all_mornings, outcomes, table, told_of, wrongs


@click.command()
@click.option("--jobs", type=click.IntRange(min=1), default=2)
@click.option("--only", multiple=True, type=int, help="numbers of the mornings to live")
def main(jobs: int, only: tuple[int, ...]) -> None:
    """See the module's head."""
    began = time.perf_counter()
    planned = [morning for number, morning in enumerate(all_mornings()) if not only or number in only]
    found = []
    for outcome in outcomes(planned, jobs):
        found.append(outcome)
        click.echo(told_of(outcome))
    click.echo("\n".join(["", *table(found), "", f"{time.perf_counter() - began:.0f} s"]))
    sys.exit(any(outcome.broken_off or any(map(wrongs, outcome.kills)) for outcome in found))


if __name__ == "__main__":
    main()
