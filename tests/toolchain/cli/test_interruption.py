"""Commands that are killed at random moments, or run out of disk, leave nothing half-written.

AXONC_INTERRUPTIONS=50 kills each command so often; the default keeps the suite quick.
"""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex

import h5py
import numpy as np
import pytest

from axonc.toolchain.ir import read_graph

MOMENTS = int(os.environ.get("AXONC_INTERRUPTIONS", "3"))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
TEMPORARY = (".axonc-part", ".partial")
PATIENCE_S = 20.0
"""How long a process may take to end after a signal, on a busy machine."""
_SLOW_S = 10.0

MAIN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if tests run in the background
from axonc.toolchain.cli import main
sys.exit(main())
"""
DEMO = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {tests!r})
from tiny_training import TINY
from axonc import models
models.TrainingConfig.demo = lambda seed: TINY
from axonc.toolchain.cli import main
sys.exit(main())
"""
INSTALLATION = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from axonc.targets.loihi import environment
step, slowly = environment._step, "for i in 1 2 3 4 5; do echo half > $0/$i; sleep 0.1; done"
environment._install_commands = lambda wanted, python: [["sh", "-c", slowly, python.parents[1]]]
environment._step = lambda wanted, command: step(
    wanted, ["echo", '{"a": "1"}'] if command[-1] == "--versions" else list(map(str, command))
)
from axonc.toolchain.cli import main
sys.exit(main())
"""


@dataclass(frozen=True)
class Command:
    """A command that writes into the folder `out`, which is added to its arguments."""

    arguments: tuple[str, ...]
    needs: tuple[str, ...] = ()
    script: str = MAIN


COMMANDS = {
    "run on the reference": Command(
        ("run", "{in}/model.nir", "--input", "{in}/spikes.npz", "--output", "{out}/o.npz")
    ),
    "run on loihi": Command(
        (
            *("run", "{in}/model.nir", "--input", "{in}/spikes.npz", "--output", "{out}/o.npz"),
            *("--target", "loihi", "--report", "{out}/r.html", "--picture", "{out}/p.svg"),
        )
    ),
    "run on Lava": Command(
        (
            *("run", "{in}/model.nir", "--input", "{in}/spikes.npz", "--output", "{out}/o.npz"),
            *("--target", "loihi", "--engine", "lava"),
        ),
        needs=("lava",),
    ),
    "run on the accelerator": Command(
        (
            *("run", "{in}/model.nir", "--input", "{in}/spikes.npz", "--output", "{out}/o.npz"),
            *("--target", "binary_synapse", "--report", "{out}/r.json"),
            *("--picture", "{out}/p.png", "--trace", "{out}/t.json"),
        )
    ),
    "compile": Command(
        (
            *("compile", "{in}/model.nir", "--out", "{out}", "--target", "loihi"),
            *("--format", "net", "--picture", "--fraction-bits", "2"),
        )
    ),
    "train": Command(
        ("train", "--config", "{in}/tiny.toml", "--out", "{out}", "--overwrite"), needs=("torch",)
    ),
    "export": Command(
        ("export", "{in}/checkpoint.pt", "--out", "{out}/model.nir"), needs=("torch",)
    ),
    "demo": Command(
        ("demo", "--out", "{out}", "--lava-images", "0"),
        needs=("torch",),
        script=DEMO.format(tests=str(Path(__file__).parents[2])),
    ),
    "installation": Command(("doctor", "--install", "lava"), script=INSTALLATION),
}


class Bench:
    """Runs one command over and over, into one folder, and looks at what it leaves."""

    def __init__(self, command: Command, folder: Path) -> None:
        self.command, self.folder = command, folder
        self.out, self.scratch = folder / "out", folder / "scratch"
        self.mark = f"AXONC_TEST_MARK={token_hex(8)}"
        for path in (self.out, self.scratch):
            path.mkdir()

    def start(self, most_file_bytes: int | None = None) -> subprocess.Popen[str]:
        name, _, value = self.mark.partition("=")
        places = {"in": str(self.folder), "out": str(self.out)}

        def limit() -> None:
            if most_file_bytes is not None:
                most = (most_file_bytes, resource.RLIM_INFINITY)
                resource.setrlimit(resource.RLIMIT_FSIZE, most)

        return subprocess.Popen(
            [
                *(sys.executable, "-c", self.command.script),
                *(argument.format(**places) for argument in self.command.arguments),
                "--json",
            ],
            env={
                **os.environ,
                **{"OMP_NUM_THREADS": "1", "TMPDIR": str(self.scratch), name: value},
                **(
                    {"XDG_CACHE_HOME": str(self.out)} if self.command.script is INSTALLATION else {}
                ),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        )

    def complete(self) -> float:
        """Run the command to its end; return how long that took."""
        start = time.monotonic()
        process = self.start()
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        assert self.left_over() == set() and self.living() == []
        return time.monotonic() - start

    def left_over(self) -> set[Path]:
        """Return the temporary files and folders that are there."""
        found = {p for p in self.out.rglob("*") if any(mark in p.name for mark in TEMPORARY)}
        return found | {p for p in self.scratch.iterdir() if p.name.startswith("axonc")}

    def living(self) -> list[str]:
        """Return the processes that the command has started and that live, after some patience."""
        end = time.monotonic() + PATIENCE_S
        while (found := self._marked()) and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def _marked(self) -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.mark.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text().replace("\0", " "))
        return found

    def require_whole_files(self) -> None:
        """Read every file in its place."""
        if self.command.script is INSTALLATION:
            for folder in self.out.glob("axonc/lava-*/"):
                assert (folder / "ready.json").is_file() and (folder / "5").is_file()
            return
        for path in self.out.rglob("*"):
            if path.is_file() and not any(mark in path.name for mark in TEMPORARY):
                WHOLE[path.suffix](path)


def read_archive(path: Path) -> None:
    with np.load(path) as file:
        for key in file:
            file[key]


def read_hdf5(path: Path) -> None:
    with h5py.File(path) as file:
        file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)


def read_table(path: Path) -> None:
    rows = list(csv.reader(path.read_text().splitlines()))
    assert {len(row) for row in rows} == {len(rows[0])}


def read_checkpoint(path: Path) -> None:
    import torch

    torch.load(path, weights_only=True)


def ends_with(end: bytes) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        assert path.read_bytes().rstrip().endswith(end)

    return check


WHOLE: dict[str, Callable[[Path], object]] = {
    ".npz": read_archive,
    ".json": lambda path: json.loads(path.read_text()),
    ".axonc": read_graph,
    ".txt": ends_with(b""),
    ".csv": read_table,
    ".net": read_hdf5,
    ".nir": read_hdf5,
    ".pt": read_checkpoint,
    ".svg": ends_with(b"</svg>"),
    ".html": ends_with(b"</html>"),
    ".png": ends_with(b"IEND\xaeB`\x82"),
}


@pytest.fixture(params=COMMANDS)
def bench(
    request: pytest.FixtureRequest,
    model: Path,
    spikes: Path,
    tmp_path: Path,
    engines_required: bool,
) -> Bench:
    command = COMMANDS[request.param]
    for package in command.needs:
        if package == "lava":
            require_lava(engines_required)
        elif find_spec(package) is None:
            pytest.skip("training needs the extra `train`")
    if "train" in command.arguments:
        from tiny_training import TINY

        (tmp_path / "tiny.toml").write_text(TINY.to_toml())
    if "export" in command.arguments:
        from tiny_training import TINY

        from axonc.models import train

        (train(TINY, tmp_path / "trained").checkpoint).rename(tmp_path / "checkpoint.pt")
    return Bench(command, tmp_path)


def require_lava(required: bool) -> None:
    from axonc.targets.loihi.environment import status
    from axonc.targets.loihi.requirements import LAVA

    if not required and not status(LAVA)["installed"]:
        pytest.skip("needs Lava: axonc doctor --install lava")


def test_a_command_that_ends_early_leaves_nothing_half_written(bench: Bench) -> None:
    duration_s = bench.complete()
    if duration_s > _SLOW_S:  # it compiled its kernels, say
        duration_s = bench.complete()
    names = sorted(p.name for p in bench.out.rglob("*"))
    rng = random.Random(0)
    for attempt in range(MOMENTS):
        kill(bench, SIGNALS[attempt % len(SIGNALS)], rng.uniform(0.05, duration_s))
    most = max(p.stat().st_size for p in bench.out.rglob("*") if p.is_file())
    for _ in range(max(MOMENTS // 5, 1)):
        starve(bench, rng.randrange(200, max(most, 201)))
    bench.complete()
    assert sorted(p.name for p in bench.out.rglob("*")) == names


def kill(bench: Bench, number: signal.Signals, after_s: float) -> None:
    before = bench.left_over()
    process = bench.start()
    with suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    if process.returncode not in (0, 128 + number):  # done, or told; else before axonc began
        assert process.returncode == -number or "KeyboardInterrupt" in errors, errors
    bench.require_whole_files()
    assert bench.living() == []
    marks = (f"-{process.pid}-", f"torch_{process.pid}_")
    assert not [name for name in os.listdir("/dev/shm") if any(m in name for m in marks)]
    if number is not signal.SIGKILL:
        assert bench.left_over() <= before, errors


def starve(bench: Bench, most_file_bytes: int) -> None:
    shutil.rmtree(bench.out)
    bench.out.mkdir()
    before = bench.left_over()
    process = bench.start(most_file_bytes)
    printed, errors = process.communicate(timeout=300)
    bench.require_whole_files()
    assert bench.living() == [] and bench.left_over() <= before
    if process.returncode:  # only what is larger than the limit fails
        told = [line for line in errors.splitlines() if line.startswith("axonc: ")]
        assert told and "Traceback" not in errors and "internal error" not in errors, errors
        assert printed == "" and process.returncode in (1, 3), errors
