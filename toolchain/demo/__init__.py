"""The main job on real data: train, export, lower, run everywhere, compare, cost, report."""

from .result import DemoResult
from .run import run_demo

__all__ = ["DemoResult", "run_demo"]
