"""Run one network in real Lava processes; a script that stands alone in Lava's own environment.

    python _lava_worker.py --versions       print what is installed, having imported it, as JSON
    python _lava_worker.py JOB_FOLDER       run the job, write result.json into the folder

A job is `job.json` and `arrays.npz`, both written by `lava_engine`; rasters are returned in
.npy files that the recording processes write themselves, because Lava reads variables one scalar at
a time. The parent holds the other end of standard input; when it closes, this process kills its
process group.
"""

# mypy: ignore-errors
# Lava has no types, and axonc is not installed where this runs.

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from glob import glob
from multiprocessing import shared_memory
from secrets import token_hex
from types import SimpleNamespace

BROKEN_MODULE = "lava.magma.compiler.var_model"


class _Finder(importlib.abc.MetaPathFinder):
    """Loads one module of lava-nc 0.10.0 with a one-line repair, in memory only.

    Its ByteEncoder is the default of dataclass fields and not hashable, which Python 3.11 and
    later refuse. Nothing else prevents lava-nc 0.10.0 from running there.
    """

    def find_spec(self, name, path, target=None):
        if name != BROKEN_MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, name):
        source = self.get_data(self.path).decode()
        broken = "@dataclass\nclass ByteEncoder"
        source = source.replace(broken, "@dataclass(unsafe_hash=True)\nclass ByteEncoder")
        return self.source_to_code(source.encode(), self.path)


def import_lava():
    """Import what a job needs, and define our own processes."""
    sys.meta_path.insert(0, _Finder())
    import numpy as np
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.conv.process import Conv
    from lava.proc.dense.process import DelayDense, Dense
    from lava.proc.io.source import RingBuffer
    from lava.proc.lif.process import LIFReset
    from lava.utils.weightutils import SignMode

    recorder, recorder_model = recorder_classes(np)
    return SimpleNamespace(
        np=np,
        Recorder=recorder,
        RecorderModel=recorder_model,
        ProbedLIFReset=probed_model(np),
        Conv=Conv,
        DelayDense=DelayDense,
        Dense=Dense,
        LIFReset=LIFReset,
        RingBuffer=RingBuffer,
        Loihi2SimCfg=Loihi2SimCfg,
        RunSteps=RunSteps,
        SignMode=SignMode,
    )


def recorder_classes(np):
    """Return a process that writes what arrives to a file, and its model."""
    from lava.magma.core.decorator import implements, requires
    from lava.magma.core.model.py.model import PyLoihiProcessModel
    from lava.magma.core.model.py.ports import PyInPort
    from lava.magma.core.model.py.type import LavaPyType
    from lava.magma.core.process.ports.ports import InPort
    from lava.magma.core.process.process import AbstractProcess
    from lava.magma.core.resources import CPU
    from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

    class Recorder(AbstractProcess):
        """Writes what arrives at step t of the chip into row t of a .npy file."""

        def __init__(self, *, shape, path):
            super().__init__(shape=shape, path=path)
            self.a_in = InPort(shape=shape)

    @implements(proc=Recorder, protocol=LoihiProtocol)
    @requires(CPU)
    class RecorderModel(PyLoihiProcessModel):
        a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)

        def __init__(self, proc_params):
            super().__init__(proc_params)
            self.rows = np.load(proc_params["path"], mmap_mode="r+")

        def run_spk(self):
            self.rows[self.time_step - 1] = self.a_in.recv().reshape(-1) != 0

    return Recorder, RecorderModel


def probed_model(np):
    """Return a model of neurons that writes their states to a file."""
    from lava.proc.lif.models import PyLifResetModelBitAcc

    class ProbedLIFReset(PyLifResetModelBitAcc):
        """Lava's own model; u and v are written down between the update and the reset of v."""

        def __init__(self, proc_params):
            super().__init__(proc_params)
            path = proc_params.get("probe")
            self.rows = None if path is None else np.load(path, mmap_mode="r+")

        def reset_voltage(self, spike_vector):
            if self.rows is not None:
                self.rows[self.time_step - 1, 0] = self.u.reshape(-1)
                self.rows[self.time_step - 1, 1] = self.v.reshape(-1)
            super().reset_voltage(spike_vector)

    return ProbedLIFReset


def build(lava, job, arrays, part, folder):
    """Make the processes of one session; return one of them, the models of our own, and the steps.

    Without the models Lava would search the folder of our processes and execute every file there.
    """
    spiking, models = {}, {}
    for source in job["inputs"]:
        shape, name = source["shape"], source["name"]
        raster = lava.np.unpackbits(arrays[f"input/{name}/{part}"], axis=0, count=source["steps"])
        data = lava.np.moveaxis(raster.reshape([source["steps"], *shape]), 0, -1)
        spiking[name] = lava.RingBuffer(data=data.astype(lava.np.int32))
    steps = next(iter(job["inputs"]))["steps"]
    for population in job["populations"]:
        lif, own = neurons(lava, population, arrays, steps, folder)
        spiking[population["name"]] = lif
        models |= own
    for group in job["synapses"]:
        connect(lava, group, arrays, spiking[group["source"]].s_out, spiking[group["target"]].a_in)
    return spiking[job["populations"][0]["name"]], models, steps


def neurons(lava, population, arrays, steps, folder):
    """Make the neurons of a population, and a recorder where it is asked for.

    Return the neurons, and the models of those processes that use one of our own.
    """
    shape, index, models = tuple(population["shape"]), population["index"], {}
    size = int(lava.np.prod(shape))
    registers = {
        register: arrays[f"{population['name']}/{register}"]
        for register in ("du", "dv", "vth", "bias_mant", "bias_exp")
    }
    lif = lava.LIFReset(
        shape=shape,
        reset_interval=population["period"],
        reset_offset=population["first"],
        **registers,
    )
    if population["probe"]:
        models[lif] = lava.ProbedLIFReset
        lif.proc_params["probe"] = f"{folder}/probe_{index}.npy"
        empty_npy(lava.np, lif.proc_params["probe"], (steps, 2, size), lava.np.int32)
    if population["record"]:
        path = f"{folder}/spikes_{index}.npy"
        empty_npy(lava.np, path, (steps, size), lava.np.uint8)
        recorder = lava.Recorder(shape=shape, path=path)
        models[recorder] = lava.RecorderModel
        lif.s_out.connect(recorder.a_in)
    return lif, models


def connect(lava, group, arrays, s_out, a_in):
    """Make the synapses of a group, between the port of its source and that of its target."""
    weight = arrays[f"{group['name']}/weight"]
    if group["kind"] == "conv":
        conv = lava.Conv(
            weight=weight,
            input_shape=tuple(group["input_shape"]),
            stride=group["stride"],
            padding=group["padding"],
            dilation=group["dilation"],
            groups=group["groups"],
        )
        s_out.connect(conv.s_in)
        conv.a_out.connect(a_in)
        return
    options = dict(
        weights=weight,
        num_weight_bits=group["bits"],
        weight_exp=group["exponent"],
        sign_mode=lava.SignMode[group["sign"].upper()],
    )
    if group["kind"] == "delayed":
        delays = arrays[f"{group['name']}/delay"].astype(int)
        dense = lava.DelayDense(delays=delays, **options)
    else:
        dense = lava.Dense(**options)
    s_out.reshape((weight.shape[1],)).connect(dense.s_in)
    dense.a_out.reshape(a_in.shape).connect(a_in)


def empty_npy(np, path, shape, dtype):
    """Create a .npy file of zeros."""
    np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()


def run(folder, imported, build):
    """Run every session of the job; write result.json."""
    with open(f"{folder}/job.json") as file:
        job = json.load(file)
    # Every segment gets a name that the parent knows, so that it can remove those left by a kill.
    shared_memory._make_filename = lambda: f"/{job['shm_prefix']}{token_hex(6)}"
    mine = (folder, job["shm_prefix"])
    threading.Thread(target=end_with_parent, args=mine, daemon=True).start()
    lava = imported()
    arrays = dict(lava.np.load(f"{folder}/arrays.npz", allow_pickle=False))
    wall_s = 0.0
    for part in range(job["sessions"]):
        os.makedirs(f"{folder}/{part}")
        process, models, steps = build(lava, job, arrays, part, f"{folder}/{part}")
        run_cfg = lava.Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=models)
        process.create_runtime(run_cfg)
        actors = process.runtime._messaging_infrastructure.actors
        watch = Watch(actors)
        watch.start()
        try:
            began = time.perf_counter()
            process.run(condition=lava.RunSteps(num_steps=steps))
            wall_s += time.perf_counter() - began
        finally:
            watch.over.set()
            process.stop()
    with open(f"{folder}/result.tmp", "w") as file:
        json.dump({"wall_s": wall_s}, file)
    os.rename(f"{folder}/result.tmp", f"{folder}/result.json")


class Watch(threading.Thread):
    """Ends this process when one of Lava's dies in a run; Lava itself would wait forever."""

    def __init__(self, actors):
        super().__init__(daemon=True)
        self.actors, self.over = actors, threading.Event()

    def run(self):
        while not self.over.wait(0.2):
            for actor in self.actors:
                if ENDING.is_set():
                    return
                if actor.exitcode is not None and not self.over.is_set():
                    error, trace = actor.exception or (None, f"exit code {actor.exitcode}")
                    print(f"{trace}\na Lava process died: {error}", file=sys.stderr, flush=True)
                    os._exit(3)


ENDING = threading.Event()
"""Set where the parent has exited: whoever fails from then on waits for the end."""


def end_with_parent(folder, shm_prefix):
    """Wait until the parent has exited, then remove all processes, shared memory and files.

    The other processes first: one that still runs could make another segment.
    """
    while os.read(0, 1):
        pass
    ENDING.set()
    while others := [pid for pid in living_in_group(os.getpgid(0)) if pid != os.getpid()]:
        for pid in others:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    for segment in glob(f"/dev/shm/{shm_prefix}*"):
        os.unlink(segment)
    if os.path.islink(os.environ["TMPDIR"]):
        os.unlink(os.environ["TMPDIR"])
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def living_in_group(group):
    """Return the processes of a group that have not ended."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                state, _, of_group = file.read().rsplit(")", 1)[1].split()[:3]
        except OSError:  # it has ended meanwhile
            continue
        if state not in "ZX" and int(of_group) == group:
            found.append(int(name))
    return found


def main(imported, build, packages):
    """Do what the command line says.

    imported: imports what a job needs; build: makes the processes of a session, as `build` does;
    packages: what the results may depend on.
    """
    if sys.argv[1] == "--versions":
        from importlib.metadata import version

        imported()
        versions = {name: version(name) for name in packages}
        print(json.dumps({"python": sys.version.split()[0], **versions}))
        return
    try:
        run(sys.argv[1], imported, build)
    except BaseException:
        while ENDING.is_set():
            time.sleep(1)
        # A regular exit would wait for Lava's processes, which wait for one another.
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main(import_lava, build, ("lava-nc", "numpy", "scipy", "networkx"))
