"""The report's figures: each function takes plain figures and returns one inline SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .svg import GRID, INK, MUTED, SERIES, draw
from .units import energy_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH_IN = 5.6
_ROW_IN = 0.46
_LEGEND_ROW_IN = 0.24
_LEGEND_COLUMNS = 4


def accuracy_plot(engines: Sequence[tuple[str, float, int]]) -> str:
    """Draw (engine, accuracy, images) as points with their 95 % Wilson intervals."""
    bounds = [wilson_interval(accuracy, images) for _, accuracy, images in engines]
    lowest = min(low for low, _ in bounds)
    start = 5 * max(0, math.floor(20 * lowest - 0.2))  # in %, a multiple of 5

    def paint(figure: Figure) -> None:
        axes = _rows(figure, len(engines), (start, 100.5))
        step = 5 if start >= 60 else 20
        _ticks(axes, {float(tick): f"{tick}" for tick in range(100, start - 1, -step)})
        for row, ((name, accuracy, images), (low, high)) in enumerate(
            zip(engines, bounds, strict=True)
        ):
            _labels(axes, row, name, f"{100 * accuracy:.1f} % of {images:,}")
            axes.plot([100 * low, 100 * high], [row, row], color=SERIES[0], lw=2, alpha=0.45)
            axes.plot([100 * accuracy], [row], "o", color=SERIES[0], ms=7)
        axes.set_xlabel("test accuracy in %")

    return draw(paint, size_in=_size(len(engines)), label="Test accuracy by engine")


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share seen in `count` trials (Wilson 1927)."""
    z = 1.959964
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = (
        z
        / (1 + z * z / count)
        * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    )
    return centre - half, centre + half


def stacked_bars(
    bars: Sequence[tuple[str, str, Mapping[str, float]]], *, unit: str, scale: float, label: str
) -> str | None:
    """Draw (name, text of the total, parts) as one bar each, the parts in the colours of a legend.

    None where there are no bars. scale: what a value is divided by to be in `unit`.
    """
    if not bars:
        return None
    stacks = [dict(parts) for _, _, parts in bars]
    purposes = _fold_the_small(stacks)
    colours = dict(zip(purposes, SERIES, strict=False))
    legend_rows = 0 if len(purposes) == 1 else -(-len(purposes) // _LEGEND_COLUMNS)

    def paint(figure: Figure) -> None:
        longest = max(sum(stack.values()) for stack in stacks) / scale
        axes = _rows(figure, len(bars), (0, longest or 1), legend_rows=legend_rows)
        for row, ((name, total, _), stack) in enumerate(zip(bars, stacks, strict=True)):
            _labels(axes, row, name, total)
            left = 0.0
            for part, value in stack.items():
                axes.barh(row, value / scale, left=left, height=0.3, color=colours[part])
                left += value / scale
        axes.set_xlabel(unit)
        if legend_rows:
            _legend(figure, colours)

    return draw(paint, size_in=_size(len(bars), legend_rows=legend_rows), label=label)


def _fold_the_small(stacks: Sequence[dict[str, float]]) -> list[str]:
    """Return the parts in order of appearance, after making `other` of those beyond the colours."""
    sums: dict[str, float] = {}
    for stack in stacks:
        for part, value in stack.items():
            sums[part] = sums.get(part, 0.0) + value
    if len(sums) <= len(SERIES):
        return list(sums)
    kept = sorted(sums, key=sums.__getitem__, reverse=True)[: len(SERIES) - 1]
    for stack in stacks:
        rest = [part for part in stack if part not in kept]
        stack["other"] = sum(stack.pop(part) for part in rest)
    return [*(part for part in sums if part in kept), "other"]


def share_bars(bars: Sequence[tuple[str, str, Mapping[str, float]]], *, label: str) -> str | None:
    """Draw the parts of each bar as shares of their sum."""
    shares = []
    for name, text, parts in bars:
        whole = sum(parts.values()) or 1
        shares.append((name, text, {part: value / whole for part, value in parts.items()}))
    return stacked_bars(shares, unit="share in %", scale=0.01, label=label)


def energy_plot(rows: Sequence[tuple[str, str, float, bool]]) -> str:
    """Draw (name, text, picojoules, whether that is the total) as points on a logarithmic axis.

    A sum that is no total, for an event has no price, is drawn hollow with an arrow upwards.
    """

    def paint(figure: Figure) -> None:
        known = [pj for _, _, pj, _ in rows if pj > 0] or [1.0]
        start = 10 ** math.floor(math.log10(min(known)) - 0.3)
        end = 10 ** math.ceil(math.log10(max(known)) + 0.1)
        axes = _rows(figure, len(rows), (start, end))
        axes.set_xscale("log")
        axes.minorticks_off()
        powers = range(round(math.log10(start)), round(math.log10(end)) + 1)
        _ticks(axes, {10.0**power: energy_text(10.0**power) for power in powers})
        for row, (name, text, pj, is_total) in enumerate(rows):
            _labels(axes, row, name, text)
            if pj <= 0:
                continue
            axes.plot([start, pj], [row, row], color=GRID, lw=1.5)
            inside = SERIES[0] if is_total else "none"
            axes.plot([pj], [row], "o", mfc=inside, mec=SERIES[0], mew=1.6, ms=7)
            if not is_total:
                arrow = {"arrowstyle": "->", "color": SERIES[0], "lw": 1.4}
                axes.annotate("", (pj * 2.2, row), (pj * 1.15, row), arrowprops=arrow)
        axes.set_xlabel("energy of one image, logarithmic")

    return draw(paint, size_in=_size(len(rows)), label="Energy of one image by profile")


def training_plot(metrics: Mapping[str, Sequence[float]]) -> str | None:
    """Draw loss, accuracies and sign-flip ratios over the epochs; None where there are none."""
    panels = []
    for title, word, factor in (
        ("loss", "loss", 1.0),
        ("accuracy in %", "accuracy", 100.0),
        ("weights whose sign flipped in an epoch, in %", "flip", 100.0),
    ):
        names = [name for name in metrics if word in name.lower()]
        if names:
            panels.append((title, word, factor, names))
    if not panels:
        return None
    length = len(next(iter(metrics.values())))
    epochs = metrics.get("epoch", list(range(1, length + 1)))

    def paint(figure: Figure) -> None:
        every = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        figure.subplots_adjust(left=0.1, right=0.98, bottom=0.09, top=0.94, hspace=0.42)
        for axes, (title, word, factor, names) in zip(every, panels, strict=True):
            curves = {_curve_name(n, word): [factor * v for v in metrics[n]] for n in names}
            if len(curves) > len(SERIES):  # too many to tell apart: their mean, and all behind it
                for values in curves.values():
                    axes.plot(epochs, values, color=MUTED, lw=0.7, alpha=0.5)
                means = [sum(row) / len(row) for row in zip(*curves.values(), strict=True)]
                curves = {f"mean of {len(curves)} layers": means}
            for colour, (name, values) in zip(SERIES, curves.items(), strict=False):
                axes.plot(epochs, values, color=colour, lw=1.8, label=name)
            axes.set_title(title, loc="left", fontsize=10.5, color=INK)
            axes.grid(axis="y")
            axes.tick_params(length=0)
            if len(names) > 1:
                axes.legend(ncols=3, loc="best", handlelength=1.2)
        every[-1].set_xlabel("epoch")
        every[-1].xaxis.get_major_locator().set_params(integer=True)

    size = (_WIDTH_IN, 0.5 + 1.65 * len(panels))
    return draw(paint, size_in=size, label="Training: " + ", ".join(title for title, *_ in panels))


def _curve_name(column: str, word: str) -> str:
    """Return what tells the curves of a panel apart: `flips/fc1` is fc1, `train_loss` train."""
    name = column.split("/", 1)[1] if "/" in column else column.lower().replace(word, "")
    return name.replace("_", " ").strip() or "training"


# -- rows with their label above the bar: readable on a narrow screen ------------------------------


def _size(rows: int, *, legend_rows: int = 0) -> tuple[float, float]:
    return _WIDTH_IN, _ROW_IN * rows + 0.62 + _LEGEND_ROW_IN * legend_rows


def _rows(figure: Figure, rows: int, limits: tuple[float, float], *, legend_rows: int = 0) -> Axes:
    height = _size(rows, legend_rows=legend_rows)[1]
    bottom = 0.5 / height
    axes = figure.add_axes(
        (0.02, bottom, 0.95, 1 - bottom - (0.04 + _LEGEND_ROW_IN * legend_rows) / height)
    )
    axes.set_xlim(*limits)
    axes.set_ylim(rows - 0.65, -0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    return axes


def _ticks(axes: Axes, ticks: Mapping[float, str]) -> None:
    """Set the ticks of x; the outermost labels stay inside the figure."""
    axes.set_xticks(sorted(ticks), [ticks[value] for value in sorted(ticks)])
    first, *_, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")


def _labels(axes: Axes, row: int, left: str, right: str) -> None:
    across = axes.get_yaxis_transform()
    axes.text(0, row - 0.27, left, transform=across, ha="left", va="bottom")
    axes.text(1, row - 0.27, right, transform=across, ha="right", va="bottom", color=MUTED)


def _legend(figure: Figure, colours: Mapping[str, str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=name) for name, colour in colours.items()]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=_LEGEND_COLUMNS,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.2,
        borderaxespad=0.1,
        borderpad=0.1,
    )
