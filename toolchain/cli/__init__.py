"""The command line: one file a command, everything heavy imported only by the command that runs."""

from .main import main

__all__ = ["main"]
