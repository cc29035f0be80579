"""Reports: tables on the terminal, progress, HTML."""

from .console import print_cost, print_demo, print_doctor, print_figures, print_verdicts
from .progress import progress_bar, training_bar

__all__ = [
    "print_cost", "print_demo", "print_doctor", "print_figures", "print_verdicts", "progress_bar",
    "training_bar",
]  # fmt: skip
