"""Figures as inline SVG: no fixed colours, no fonts, no identifiers of their own, no date.

Colours are written as CSS variables of the page (`--ink`, `--series-1`, ...), so that one figure
serves a light and a dark page; text stays text, in the page's own font.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, GRID, BAD = "#010101", "#020202", "#030303", "#040404"
SERIES = tuple(f"#0501{index:02}" for index in range(1, 7))
"""Stand-ins for the page's colours: matplotlib knows no CSS variables."""

_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", BAD: "--bad"} | {
    colour: f"--series-{index}" for index, colour in enumerate(SERIES, start=1)
}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "axonc",
    "text.parse_math": False,  # a node may be called `$x`
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 1.0,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}


def draw(paint: Callable[[Figure], None], *, size_in: tuple[float, float], label: str) -> str:
    """Return what `paint` draws on a figure of `size_in` inches as one <svg> element.

    label: what the figure shows, for readers who cannot see it.

    The same drawing gives the same text. pyplot and its global state are not touched.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():  # type: ignore[arg-type]
        # Text stays text: it does not matter what matplotlib's own font can draw.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=size_in)
        paint(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator")))
    return _inline(buffer.getvalue(), label)


def _inline(document: str, label: str) -> str:
    svg = document[document.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # An identifier that nothing refers to would only clash with the other figures of the page.
    used = set(re.findall(r"#([\w-]+)[\")]", svg))
    svg = re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", svg)
    svg = re.sub(r'(<svg) [^>]*?(viewBox="[^"]*")[^>]*>', r"\1 \2 OPENING>", svg, count=1)
    svg = svg.replace("OPENING", f'role="img" aria-label="{escape(label)}"', 1)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, f"var({variable})")
    return svg
