"""What of the page is the same in every report: its policy, its style, and the few lines that draw."""

from __future__ import annotations

from collections.abc import Mapping

# nothing from outside; the script and the style are those that stand in the page, data: and blob: are pictures it saves
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)

LOCALE_WORDS: Mapping[str, str] = {
    "Download plot as a PNG": "report.plot.png",
    "Zoom": "report.plot.zoom",
    "Pan": "report.plot.pan",
    "Zoom in": "report.plot.zoom_in",
    "Zoom out": "report.plot.zoom_out",
    "Autoscale": "report.plot.autoscale",
    "Reset axes": "report.plot.reset",
    "Double-click to zoom back out": "report.plot.back",
    "Taking snapshot - this may take a few seconds": "report.plot.taking",
    "Snapshot succeeded": "report.plot.taken",
}
"""What plotly says on its buttons, by its own English words."""

STYLE = """
:root { color: #1f2933; background: #f4f6f8; font: 15px/1.5 Pretendard, "Noto Sans KR", "Noto Sans CJK KR",
  "Malgun Gothic", "Apple SD Gothic Neo", sans-serif; }
body { max-width: 1180px; margin: 0 auto; padding: 24px 20px 48px; }
h1 { font-size: 24px; margin: 0 0 6px; } h2 { font-size: 18px; margin: 0 0 10px; }
h3 { font-size: 15px; margin: 18px 0 4px; }
header p { margin: 2px 0; color: #52606d; }
section { background: #fff; border: 1px solid #e1e7ec; border-radius: 8px; padding: 16px 18px; margin-top: 18px; }
section section { border: 0; padding: 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 18px 0 0; }
.tiles div { background: #fff; border: 1px solid #e1e7ec; border-radius: 8px; padding: 10px 14px; }
.tiles dt { color: #52606d; font-size: 13px; }
.tiles dd { margin: 0; font-size: 21px; font-variant-numeric: tabular-nums; }
.figure.account { height: 560px; } .figure.symbol { height: 340px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 5px 9px; text-align: right; border-bottom: 1px solid #edf1f4; white-space: nowrap; }
th { color: #52606d; font-weight: 600; } th:first-child, td:first-child { text-align: left; }
table.symbols th:nth-child(2), table.symbols td:nth-child(2) { text-align: left; }
table.figures { width: auto; min-width: 50%; } .months { font-size: 13px; }
.up { color: #c0392b; } .down { color: #1261c4; }
.notes li { margin: 4px 0; } footer { color: #7b8794; font-size: 13px; margin-top: 18px; }
@media print { body { max-width: none; } section { break-inside: avoid; border: 0; } }
"""

# a chart is drawn when it comes near the window: forty of them at once would hold the reader up
SCRIPT = """
(function () {
  var figures = JSON.parse(document.getElementById("figures").textContent);
  var locale = JSON.parse(document.getElementById("locale").textContent);
  Plotly.register({ moduleType: "locale", name: locale.name, dictionary: locale.dictionary, format: locale.format });
  var shown = { responsive: true, displaylogo: false, locale: locale.name,
    modeBarButtonsToRemove: ["select2d", "lasso2d"] };
  function draw(place) {
    if (place.dataset.drawn) { return; }
    place.dataset.drawn = "1";
    var figure = figures[place.dataset.figure];
    Plotly.newPlot(place, figure.data, figure.layout, shown);
  }
  var places = Array.prototype.slice.call(document.querySelectorAll(".figure"));
  var watcher = new IntersectionObserver(function (seen) {
    seen.forEach(function (entry) { if (entry.isIntersecting) { draw(entry.target); } });
  }, { rootMargin: "600px" });
  places.forEach(function (place) { watcher.observe(place); });
  window.addEventListener("beforeprint", function () { places.forEach(draw); });
})();
"""
