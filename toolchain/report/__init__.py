"""Reports: tables on the terminal, progress, HTML."""

from .console import print_cost, print_demo, print_doctor, print_figures, print_rows, print_verdicts
from .cost_json import cost_json, part_label
from .html import html_report
from .progress import progress_bar, training_bar
from .tables import tables_text

__all__ = [
    "cost_json",
    "html_report",
    "part_label",
    "print_cost",
    "print_demo",
    "print_doctor",
    "print_figures",
    "print_verdicts",
    "print_rows",
    "progress_bar",
    "tables_text",
    "training_bar",
]
