"""The demo's plot: one function from nothing to a report."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..comparison import Rasters, accuracy, spike_mismatch
from ..cost import chipless_cost
from ..driver import Deployment, Execution, Lowering, deploy, lower, run, verdicts, workload_of
from ..files import make_folder, write_text
from ..frontend import load_graph
from ..reference import execute
from ..report import html_report, progress_bar, training_bar
from .result import DemoResult, EngineResult, PairResult

TARGETS = ("loihi", "binary_synapse")

_REASONS = {
    "norse / reference_float": "norse computes in float32 and with BatchNorm unfolded, the "
    "reference in float64: potentials within rounding of the threshold may differ",
    "reference_float / reference_int": "thresholds, biases and membranes are rounded to integers",
    "norse / reference_int": "the two above together",
    "reference_int / binary_synapse": "the same integer graph",
    "reference_int / loihi_int": "Loihi's membranes decay with six more fraction bits",
    "loihi_int / loihi": "the Loihi-lowered graph, on its reference and on the emulator",
    "loihi / lava": "the same program on the emulator and on Lava's own processes",
}


def run_demo(
    out: Path, *, seed: int = 0, lava_images: int = 20, quiet: bool = False, config: Any = None
) -> DemoResult:
    """Train, export, lower, run, compare and cost; write model.nir, result.json, report.html.

    Args:
        lava_images: test images to run on Lava itself; 0 leaves Lava out, and says so.
        config: a models.TrainingConfig in place of the demo's own.

    Raises:
        InputError: `out` cannot be written.
        EngineError: Lava could not be installed or broke.
    """
    start = time.perf_counter()
    models = import_module("axonc.models")
    make_folder(out)
    config = config or models.TrainingConfig.demo(seed)

    with training_bar(quiet=quiet) as progress:
        # One thread: the same seed gives the same network on any number of cores, and a network of
        # this size is not faster on more.
        trained = models.train(config, out / "training", progress=progress, threads=1)
    model = out / "model.nir"
    models.export_nir(trained.network, model)

    lowering = lower(load_graph(model))
    chips = {name: deploy(lowering, name) for name in TARGETS}
    data = models.dataset(config)
    labels = np.asarray(data.test.labels)
    spikes = models.encode(config, data.test.images, "test")

    nodes = list(lowering.imported.spiking)
    jobs = _jobs(models, trained.network, lowering, chips, spikes, nodes, lava_images)
    rasters, walls_s, executions = _run_jobs(jobs, quiet)
    output = _output_neuron(lowering)
    engines = {
        name: EngineResult(len(raster[output]), accuracy(raster[output], labels), walls_s[name])
        for name, raster in rasters.items()
        if name != "loihi_int"  # a stage of the proof, not an engine of its own
    }
    result = DemoResult(
        seed=seed,
        network=lowering.imported.name,
        steps=int(spikes.shape[1]),
        engines=engines,
        pairs=_compare(rasters, nodes),
        costs=_costs(lowering, chips, spikes, executions),
        verdicts={name: verdicts(lowering, name) for name in ("reference", *TARGETS)},
        assumed=_assumed(lowering),
        training={"wall_s": trained.seconds, "validation_accuracy": trained.validation_accuracy},
        programs={name: dict(chips[name].program.summary()) for name in TARGETS},
        versions={p: version(p) for p in ("axonc", "numpy", "torch", "norse", "nir")}
        | {"python": platform.python_version()},
        wall_s=time.perf_counter() - start,
    )
    document = result.as_json()
    write_text(out / "result.json", json.dumps(document, indent=2) + "\n")
    sample = {name: {node: raster[node][0] for node in nodes} for name, raster in rasters.items()}
    write_text(out / "report.html", html_report(document, spikes[0], sample, out / "training"))
    return result


Job = Callable[[], tuple[Rasters, float, Execution | None]]


def _run_jobs(
    jobs: Mapping[str, Job], quiet: bool
) -> tuple[dict[str, Rasters], dict[str, float], dict[str, Execution]]:
    """Run one engine after another; return spikes by node, seconds, and executions on targets."""
    rasters: dict[str, Rasters] = {}
    walls_s: dict[str, float] = {}
    executions: dict[str, Execution] = {}
    with progress_bar("running", quiet=quiet) as progress:
        for done, (name, job) in enumerate(jobs.items()):
            progress(done, len(jobs))
            rasters[name], walls_s[name], execution = job()
            if execution is not None:
                executions[name] = execution
        progress(len(jobs), len(jobs))
    return rasters, walls_s, executions


def _jobs(
    models: Any,
    network: Any,
    lowering: Lowering,
    chips: Mapping[str, Deployment],
    spikes: np.ndarray,
    nodes: list[str],
    lava_images: int,
) -> dict[str, Job]:
    """Return, by engine, what runs the test spikes on it."""

    def norse() -> tuple[Rasters, float, None]:
        begin = time.perf_counter()
        recorded: Rasters = models.run_network(network, spikes)
        return recorded, time.perf_counter() - begin, None

    def engine(target: str, **options: Any) -> Job:
        def job() -> tuple[Rasters, float, Execution]:
            images = options.pop("images", len(spikes))
            on = chips.get(target, target)
            done = run(lowering, spikes[:images], target=on, probes=nodes, **options)
            return done.run.spikes, done.run.wall_s, done

        return job

    def loihi_lowered() -> tuple[Rasters, float, None]:
        begin = time.perf_counter()
        graph = chips["loihi"].program.graph
        recording = execute(graph, spikes, probes=nodes)
        return recording.spikes, time.perf_counter() - begin, None

    jobs: dict[str, Job] = {
        "norse": norse,
        "reference_float": engine("reference", precision="float"),
        "reference_int": engine("reference", precision="int"),
        "loihi_int": loihi_lowered,
        "loihi": engine("loihi", engine="emulator"),
        "binary_synapse": engine("binary_synapse"),
    }
    if lava_images:
        jobs["lava"] = engine("loihi", engine="lava", images=lava_images)
    return jobs


def _compare(rasters: dict[str, Rasters], nodes: list[str]) -> dict[str, PairResult]:
    pairs = {}
    for pair, reason in _REASONS.items():
        one, other = pair.split(" / ")
        if one in rasters and other in rasters:
            mismatch = spike_mismatch(rasters[one], rasters[other], nodes)
            pairs[pair] = PairResult(mismatch, reason)
    return pairs


def _costs(
    lowering: Lowering,
    chips: Mapping[str, Deployment],
    spikes: np.ndarray,
    executions: dict[str, Execution],
) -> dict[str, Any]:
    discrete, integer = lowering.discrete, lowering.integer
    costs = {
        "float32": chipless_cost(
            discrete, workload_of(discrete, execute(discrete, spikes)), "float32"
        ),
        "reference": chipless_cost(
            integer, workload_of(integer, execute(integer, spikes)), "integers"
        ),
    }
    return costs | {name: chips[name].cost(executions[name].run) for name in TARGETS}


def _assumed(lowering: Lowering) -> dict[str, Any]:
    dialect = lowering.imported.dialect
    assert dialect is not None
    return {
        "dt": dialect.dt,
        "integrator": dialect.integrator,
        "reset": dialect.reset,
        "notes": list(dialect.notes),
    }


def _output_neuron(lowering: Lowering) -> str:
    graph = lowering.imported
    return graph.origin(next(iter(graph.outputs)))
