"""Tables of what a target counted in a run: as a page, as JSON, on the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .html import page_template
from .units import printable

Rows = Sequence[Mapping[str, Any]]


def columns_of(rows: Rows) -> list[str]:
    """Return all columns of some rows in the order in which they first appear."""
    return list(dict.fromkeys(column for row in rows for column in row))


def cell(value: Any) -> str:
    """Return a value as people read it: thousands apart, four digits of a fraction."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def tables_text(
    path: Path, title: str, figures: Mapping[str, Any], tables: Mapping[str, Rows]
) -> str:
    """Return the figures and all tables of a run, as JSON if `path` ends so, else as HTML."""
    shown = {name: rows for name, rows in tables.items() if rows}
    if path.suffix == ".json":
        return json.dumps({"title": title, "figures": dict(figures), "tables": shown}, indent=1)
    prepared = {
        name: (columns, [[cell(row.get(column)) for column in columns] for row in rows])
        for name, rows in shown.items()
        for columns in [columns_of(rows)]
    }
    flat = {
        name.replace("_", " "): cell(value)
        for name, value in figures.items()
        if not isinstance(value, Mapping)
    }
    counters = {
        key if name == "counters" else f"{name}, {key}": cell(value)
        for name, values in figures.items()
        if isinstance(values, Mapping)
        for key, value in values.items()
    }
    page = page_template("run.html").render(
        title=title, figures=flat, counters=counters, tables=prepared
    )
    return printable(page)
