"""The main job on real data: train, export, lower, run everywhere, compare, cost, report."""

from .run import run_demo
from .result import DemoResult

__all__ = ["DemoResult", "run_demo"]
