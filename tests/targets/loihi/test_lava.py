"""Real Lava: it equals the emulator, states too, and leaves nothing behind however it ends."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from glob import glob
from pathlib import Path

import numpy as np
import pytest

from axonc.targets.loihi import (
    Loihi,
    Network,
    Population,
    Sign,
    SynapseGroup,
    emulate,
    lava_engine,
    run_on_lava,
)
from axonc.toolchain.errors import EngineError


@pytest.fixture(autouse=True)
def left_behind(monkeypatch, request):
    """Workers, shared memory and files that are still there: of this process none at the end.

    A process that is killed before its worker has started may leave a file, but nothing that runs.
    """
    folder = Path(tempfile.mkdtemp(prefix="axonc-test-"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)

    def found(pid=None):
        for _ in range(100):  # what was killed may take a moment to be gone
            workers = subprocess.run(["pgrep", "-f", f"worker.py {folder}"], capture_output=True)
            segments = glob(f"/dev/shm/axonc-{pid or os.getpid()}-*")
            left = [*workers.stdout.split(), *segments]
            left += [] if pid else map(str, folder.iterdir())
            if not left:
                break
            time.sleep(0.1)
        return left

    yield found
    killed = request.node.name.startswith("test_killing")
    assert found(os.getpid() if killed else None) == []
    shutil.rmtree(folder)


def assert_equal_states_and_spikes(build, network, inputs):
    names = [p.name for p in network.populations]
    lava, emulation = run_on_lava(network, inputs, names), emulate(network, inputs, names)
    by_hand = build.chip_by_hand(network, inputs)
    for name in names:
        np.testing.assert_array_equal(lava.spikes[name], emulation.spikes[name])
        np.testing.assert_array_equal(lava.potentials[name], emulation.potentials[name])
        np.testing.assert_array_equal(lava.currents[name], by_hand.currents[name])
    return sum(raster.sum() for raster in lava.spikes.values())


@pytest.mark.parametrize(
    ("seed", "kind"), [(4, "dense"), (8, "conv"), (12, "conv"), (13, "delayed"), (9, "recurrent")]
)
def test_random_networks_equal_the_emulator_states_too(seed, kind, build):
    assert assert_equal_states_and_spikes(build, *build.random_network(seed, kind=kind)) > 0


@pytest.mark.parametrize("seed", range(int(os.environ.get("AXONC_LAVA_NETWORKS", "0"))))
def test_as_many_random_networks_as_are_asked_for(seed, build):
    assert_equal_states_and_spikes(build, *build.random_network(seed))


def test_the_target_runs_a_lowered_graph_on_lava(build):
    rng = np.random.default_rng(0)
    weights = [(rng.integers(0, 2, s) * 2 - 1).astype(np.int8) for s in ((30, 40), (5, 30))]
    neurons = [build.integer_neuron(30, rng.integers(2, 9, 30)), build.integer_neuron(5, 2)]
    target = Loihi()
    program = target.compile(build.affine_graph(weights, neurons))
    spikes = rng.random((6, 12, 40)) < 0.3
    emulator = target.run(program, spikes, probes=["lif1"])
    lava = target.run(program, spikes, engine="lava", probes=["lif1"])
    for name, raster in emulator.spikes.items():
        np.testing.assert_array_equal(lava.spikes[name], raster)
    np.testing.assert_array_equal(lava.potentials["lif1"], emulator.potentials["lif1"])
    assert lava.wall_s > 0


def test_a_time_out_ends_lava_and_says_so(build):
    network, inputs = build.random_network(3, kind="dense")
    with pytest.raises(EngineError, match=r"did not finish within 0.3 s and was ended"):
        run_on_lava(network, inputs, timeout_s=0.3)


def test_a_process_that_dies_inside_lava_is_an_error_with_its_log(build, monkeypatch):
    network, inputs = build.random_network(3, kind="dense")
    honest = lava_engine._Job.arrays

    def broken(job):
        arrays = honest(job)
        return {k: v[:-1] if k.endswith("bias_mant") else v for k, v in arrays.items()}

    monkeypatch.setattr(lava_engine._Job, "arrays", broken)
    with pytest.raises(EngineError, match="its worker ended with status"):
        run_on_lava(network, inputs, timeout_s=60)


KILLS = int(os.environ.get("AXONC_LAVA_KILLS", "2"))
"""How many random moments of each kind are tried."""


def endless():
    """A network with work for many minutes."""
    one, zero = np.array([1]), np.array([0])
    weight = np.eye(50, dtype=np.int32) * 2
    population = Population("p", (50,), one, one, one, zero, zero, 1)
    group = SynapseGroup("s", "in", "p", weight, 8, Sign.MIXED, 0, zero, ("s",))
    network = Network({"in": (50,)}, (population,), (group,), {"out": "p"})
    return network, {"in": np.ones((1, 100_000, 50), np.uint8)}


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_lava_process_killed_at_a_random_moment_is_an_error(seed):
    """Any of them, at any time: while Lava is imported, built or run."""
    rng = np.random.default_rng(seed)
    killed = []

    def kill():
        time.sleep(rng.uniform(0.2, 6))
        while not killed:
            pattern = f"worker.py {tempfile.gettempdir()}"
            found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True)
            for pid in rng.permutation([int(word) for word in found.stdout.split()])[:1]:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
                    killed.append(int(pid))
            time.sleep(0.05)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with pytest.raises(EngineError, match=r"Lava: (its worker ended|did not finish)[^$]*Its log"):
        run_on_lava(*endless(), timeout_s=60)
    killer.join(10)
    assert killed


VICTIM = """
import signal
from axonc.targets.loihi import run_on_lava
from test_lava import endless
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if the tests run in background
print("go", flush=True)
run_on_lava(*endless())
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("seed", range(KILLS))
def test_killing_axonc_at_a_random_moment_leaves_nothing_behind(how, seed, left_behind):
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    try:
        victim.stdout.readline()
        time.sleep(np.random.default_rng([how, seed]).uniform(0.05, 5))
        assert victim.poll() is None
        os.kill(victim.pid, how)
        victim.wait(20)
    finally:
        victim.kill()
        victim.wait()
        victim.stdout.close()
    assert left_behind(victim.pid) == []
