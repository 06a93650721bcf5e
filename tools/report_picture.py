"""Draw the picture of a report for the READMEs: docs/report.png, from invented companies.

    .venv/bin/python tools/report_picture.py

The prices are the simulator's own, under names and codes that no exchange knows. Of the real page some parts are left
out so that it fits, and nothing is added. It needs Chromium (apt install chromium fonts-noto-cjk).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from kis_daemon.app.files import load_calendar
from kis_daemon.simulator.price_generator import GeneratedPrices

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "report.png"
COMPANIES = ("가온전자", "나래바이오", "다솜화학", "라온모터스", "마루금융", "바른소프트", "새솔중공업", "아라해운")
_FIRST, _LAST = date(2024, 1, 2), date(2025, 12, 30)
_SEED = 2
_LEFT_OUT = ".months, .reasons, table.symbols, .notes"


def write_invented_bars(
    file: Path, first: date, last: date, companies: Sequence[str] = COMPANIES, seed: int = _SEED
) -> list[str]:
    """Write the days from `first` to `last` of made-up companies as a price file; return their codes."""
    prices = GeneratedPrices(seed, load_calendar(ROOT / "config"))
    rows, codes = ["symbol,date,open,high,low,close,volume,name,market"], []
    for number, (name, listing) in enumerate(zip(companies, prices.listings(), strict=False), start=1):
        codes.append(f"ZZ{number:04}")
        rows += (
            f"{codes[-1]},{bar.date},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume},{name},{listing.market}"
            for bar in prices.bars(listing.symbol, first, last)
        )
    file.write_text("\n".join(rows) + "\n", "utf-8")
    return codes


def _shot(page_file: Path, picture: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1180, "height": 1640})
        page.goto(page_file.as_uri())
        page.evaluate(
            "selectors => { document.querySelectorAll(selectors).forEach(part => {"
            " const within = part.closest('section'); (part.matches('table.symbols') ? part : within).remove(); });"
            " document.querySelectorAll('section section').forEach((part, at) => { if (at) part.remove(); }); }",
            _LEFT_OUT,
        )
        page.wait_for_selector(".figure.symbol .main-svg")
        page.wait_for_timeout(500)
        page.screenshot(path=picture, full_page=True)
        browser.close()


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        bars = Path(folder, "bars.csv")
        write_invented_bars(bars, date(2022, 1, 3), _LAST)
        command = [sys.executable, str(ROOT / "main.py"), "backtest", "--config-dir", str(ROOT / "config")]
        command += ["--prices", str(bars), "--from", str(_FIRST), "--to", str(_LAST), "--fills", "pessimistic"]
        command += ["--jobs", "2", "--report", folder, "--benchmark", "ZZ0005"]
        subprocess.run(command, cwd=folder, check=True)
        _shot(Path(folder, "report.html"), PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
