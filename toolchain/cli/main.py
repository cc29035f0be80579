"""`axonc`: parse, dispatch, and turn every outcome into one message and one exit status."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..errors import AxoncError
from . import check, compile_, cost, demo, doctor, export, lower, run, train

_COMMANDS = (demo, train, export, check, lower, compile_, run, cost, doctor)

_DESCRIPTION = """\
Take a spiking network from training to chips: train binary networks, export them as NIR, lower any
NIR graph to integers, run it on neuromorphic targets, and say what it costs.
"""

_EPILOG = """\
the usual way:
  axonc demo --out demo               train on handwritten digits, then everything below
  axonc check model.nir               what becomes of each node, and what was assumed
  axonc run model.nir --target loihi --input spikes.npz --output result.npz
  axonc cost model.nir --target binary_synapse --input spikes.npz

exit status: 0 done, 1 the input cannot be used, 2 wrong usage, 3 a fault of axonc or an engine
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 done; 1 the user's input cannot be used; 2 wrong usage; 3 a fault of axonc or of an external
    engine; 130 interrupted, 143 terminated, 129 hung up. Errors are one message on standard error.
    """
    parser = argparse.ArgumentParser(
        prog="axonc",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    options = parser.parse_args(arguments)
    if options.version:
        from importlib.metadata import version

        print(f"axonc {version('axonc')}")
        return 0
    if options.command is None:
        parser.print_help(sys.stderr)
        return 2
    with _notices_on_stderr(), _ended_by_signals() as ended_by:
        return _run(options, ended_by)


@contextmanager
def _notices_on_stderr() -> Iterator[None]:
    """Show what axonc logs about long preparations: an engine's environment, compiled kernels."""
    logger, handler = logging.getLogger("axonc"), _Notices()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def _ended_by_signals() -> Iterator[list[signal.Signals]]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, so that it cleans up behind itself.

    Yields the list to which the signals that came are added.
    """
    came: list[signal.Signals] = []

    def interrupt(number: int, _: object) -> None:
        came.append(signal.Signals(number))
        raise KeyboardInterrupt

    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # only the main thread may set handlers
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield came
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


class _Notices(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(f"axonc: {record.getMessage()}", file=sys.stderr)  # where stderr is now


def _run(options: argparse.Namespace, ended_by: list[signal.Signals]) -> int:
    try:
        status: int = options.execute(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as interrupt:
        told = f": {interrupt}" if str(interrupt) else ""
        word = "ended" if ended_by else "interrupted"
        print(f"axonc: {word}{told}", file=sys.stderr)
        return 128 + (ended_by[0] if ended_by else signal.SIGINT)
    except BrokenPipeError:  # the reader of a pipe has left; nobody is there to complain to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if options.debug:
            raise
        # The errors of axonc.models carry their own status: they know nothing of the toolchain.
        status = getattr(error, "exit_status", 3)
        if isinstance(error, AxoncError) or hasattr(error, "exit_status"):
            print(f"axonc: {error}", file=sys.stderr)
        else:
            print(
                f"axonc: internal error: {type(error).__name__}: {error}\n"
                f"This is a fault of axonc; run again with `axonc --debug {options.command} ...`",
                file=sys.stderr,
            )
        return status
