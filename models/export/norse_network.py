"""Networks of norse cells that users wrote themselves, as static NIR graphs that are proved equal.

Every export ends with a proof by running: the module itself on the caller's sample against the
graph, interpreted. A file that computes something else is never written.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .._files import write_atomically
from ..errors import ExportError
from .nir_interpreter import interpret
from .norse_nodes import (
    CELLS,
    LAYERS,
    NORMS,
    Chain,
    Synapses,
    array,
    cell,
    faults_of,
    feedback,
    input_weights,
    is_known,
    stateless,
    synapses,
)
from .norse_trace import INPUT, STEPPED, Call, Fault, Trace, trace
from .trained_network import FORMAT_VERSION

OUTPUT = "output"
SPIKE_TOLERANCE = 1e-3
"""Share of a population's spikes that may differ: norse computes in float32, the interpreter in
float64, and a potential within rounding of its threshold may fall on either side. A wrong reset,
time constant or weight differs in far more."""
VALUE_TOLERANCE = 1e-4
"""Of the largest value, for what is no spike; float32 rounding accumulates to some 1e-6."""


@dataclass(frozen=True)
class Equivalence:
    """What the proof found, by node of the graph.

    differing: spikes that differ between the module and the graph.
    compared: spike bins (time, batch and neuron) that were compared.
    largest_error: of read-outs that are no spikes, relative to the largest value.
    silent: populations that never fired on the sample, about which it proves little.
    """

    differing: dict[str, int]
    compared: dict[str, int]
    largest_error: dict[str, float]
    silent: tuple[str, ...]


def export_norse(
    module: nn.Module, path: str | Path, sample: Tensor | NDArray[Any], *, dt: float | None = None
) -> Equivalence:
    """Write a module of norse cells and torch layers to a NIR file, whole or not at all.

    module: takes one time step, `module(x)` or `module(x, state)`, and returns the output or
        (output, state), as norse's cells and SequentialState do; in evaluation mode.
    sample: (time, batch, *shape), real data if there is any: the proof runs on it.
    dt: seconds, noted in the graph's metadata; None takes the cells' own, another is an error.

    Known are the layers nn.Linear, Conv1d, Conv2d, AvgPool2d, Flatten, BatchNorm behind a linear or
    convolutional layer (folded in), Dropout (left out), the binary layers of this package; the
    cells LIFBoxCell, LIFCell, LIFRecurrentCell, LIBoxCell, LICell, IAFCell and this package's own;
    and additions of two branches. Potentials are written relative to where norse's cells start
    (see norse_nodes).

    Raises ExportError, naming every fault and its remedy, for what a static graph cannot say, and
    when the graph computes something else than the module on the sample.
    """
    if isinstance(sample, np.ndarray):
        sample = torch.from_numpy(sample.astype(np.float32))
    graph, calls = _graph(module, sample, dt)
    found = _prove(module, graph, calls, sample)
    file = io.BytesIO()
    nir.write(file, graph)
    write_atomically(Path(path), lambda out: out.write(file.getbuffer()))
    return found


def _graph(
    module: nn.Module, sample: Tensor, dt: float | None
) -> tuple[nir.NIRGraph, dict[str, Call]]:
    _refuse(_unusable(module, sample))
    with torch.no_grad():
        _require_that_it_runs(module, sample[0])
        traced = trace(module, sample[0], is_known)
    _refuse(traced.faults)
    _refuse(fault for call in traced.calls.values() for fault in faults_of(call))
    _refuse(_loose_norms(traced))
    nodes: dict[str, Any] = {INPUT: nir.Input({"input": np.array(sample.shape[2:])})}
    edges: list[tuple[str, str]] = []
    last = {INPUT: INPUT}
    for name, chain in _chains(traced).items():
        sources = [last[source] for source in traced.calls[name].sources]
        for node_name, node in chain:
            nodes[node_name] = node
            edges += [(source, node_name) for source in sources]
            sources = [node_name]
        last[name] = sources[0]
        for node_name, node in feedback(traced.calls[name]):
            nodes[node_name] = node
            edges += [(name, node_name), (node_name, name)]
    nodes[OUTPUT] = nir.Output({"output": np.array(traced.output_shape)})
    edges += [(last[source], OUTPUT) for source in traced.outputs]
    metadata = {"dt": _time_step(traced, dt), "format_version": FORMAT_VERSION, "producer": "axonc"}
    # nir's own check knows neither non-square kernels nor their strides; ours is the proof
    return nir.NIRGraph(nodes, edges, metadata=metadata, type_check=False), traced.calls


def _chains(traced: Trace) -> dict[str, Chain]:
    """Return each call's nodes; a BatchNorm's are none but change those of the layer before."""
    linear: dict[str, Synapses] = {}
    for name, call in traced.calls.items():
        if isinstance(call.module, LAYERS):
            linear[name] = synapses(call)
        elif isinstance(call.module, NORMS):
            linear[name] = linear[call.sources[0]]
            linear[name].normalise(call.module)
    chains: dict[str, Chain] = {}
    for name, call in traced.calls.items():
        if isinstance(call.module, NORMS):
            chains[name] = []
        elif name in linear:
            chains[name] = linear[name].nodes()
        else:
            write = cell if isinstance(call.module, CELLS) else stateless
            chains[name] = [*input_weights(call), (name, write(call))]
    return chains


def _unusable(module: nn.Module, sample: Tensor) -> list[Fault]:
    for what, value, kind in (("the module", module, nn.Module), ("the sample", sample, Tensor)):
        if not isinstance(value, kind):
            remedy = "pass the network first, then the path, then a batch of its data"
            got, expected = type(value).__name__, f"a torch {kind.__name__}"
            return [Fault(what, got, expected, remedy)]
    faults = []
    if any(part.training for part in module.modules()):
        faults.append(
            Fault("the module", "training mode", "evaluation mode", "call module.eval() first")
        )
    hooked = [
        name or type(part).__name__
        for name, part in module.named_modules()
        if part._forward_hooks or part._forward_pre_hooks
    ]
    if hooked:
        faults.append(
            Fault(
                f"module {', '.join(hooked)}",
                "a hook on its forward pass",
                "layers that compute nothing but what their class says",
                "remove the hooks (torch.nn.utils.remove_weight_norm, handle.remove())",
            )
        )
    if sample.dim() < 3 or 0 in sample.shape or not sample.is_floating_point():
        faults.append(
            Fault(
                "the sample",
                f"{sample.dtype} of shape {tuple(sample.shape)}",
                "floating-point spikes or currents of shape (time, batch, *shape)",
                "give a batch of the data the network will see",
            )
        )
    return faults


def _require_that_it_runs(module: nn.Module, step: Tensor) -> None:
    try:
        module(step)
    except Exception as error:  # whatever a user's forward raises
        _refuse(
            [
                Fault(
                    f"{type(module).__name__} on a step of shape {tuple(step.shape)}",
                    f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
                    "a module that runs on one time step (batch, *shape) of the sample",
                    "give a sample (time, batch, *shape) of the shapes the network was built for",
                )
            ]
        )


def _loose_norms(traced: Trace) -> list[Fault]:
    """Find each BatchNorm that does not stand alone behind one linear or convolutional layer."""
    faults = []
    for name, call in traced.calls.items():
        if not isinstance(call.module, NORMS):
            continue
        before = call.sources[0] if len(call.sources) == 1 else None
        readers = [c for c in traced.calls.values() if before in c.sources]
        foldable = before in traced.calls and isinstance(traced.calls[before].module, LAYERS)
        if not foldable or len(readers) > 1 or before in traced.outputs:
            faults.append(
                Fault(
                    f"module {name!r}",
                    "a BatchNorm that cannot be folded",
                    "one right behind a linear or convolutional layer that nothing else reads",
                    "move it there",
                )
            )
    return faults


def _time_step(traced: Trace, dt: float | None) -> float:
    steps = {float(c.module.dt) for c in traced.calls.values() if isinstance(c.module, STEPPED)}
    if len(steps) > 1 or (dt is not None and steps and steps != {dt}):
        asked = "" if dt is None else f"dt = {dt} s for "
        _refuse(
            [
                Fault(
                    "time step",
                    f"{asked}cells with dt = {', '.join(map(str, sorted(steps)))} s",
                    "one time step",
                    "construct all cells with the same dt, and leave dt out here",
                )
            ]
        )
    if steps:
        return steps.pop()
    return 1e-3 if dt is None else dt


def _refuse(faults: Iterable[Fault]) -> None:
    told = list(dict.fromkeys(faults))
    if told:
        raise ExportError(
            ", ".join(dict.fromkeys(fault.what for fault in told)),
            got="; ".join(dict.fromkeys(fault.got for fault in told)),
            expected="; ".join(dict.fromkeys(fault.expected for fault in told)),
            remedy="; ".join(dict.fromkeys(fault.remedy for fault in told)),
        )


# -- the proof -----------------------------------------------------------------------------------


def _prove(
    module: nn.Module, graph: nir.NIRGraph, calls: dict[str, Call], sample: Tensor
) -> Equivalence:
    theirs = _run(module, {n: c.module for n, c in calls.items() if n in graph.nodes}, sample)
    ours = interpret(graph, array(sample), dt=graph.metadata["dt"])
    spiking = [n for n, node in graph.nodes.items() if hasattr(node, "v_threshold")]
    differing, compared, errors = {}, {}, {}
    for name in (*spiking, OUTPUT):
        a, b = theirs[name], ours[name]
        if a.shape != b.shape:
            _refuse_unequal(name, f"shape {b.shape[2:]}, the module's {a.shape[2:]}")
        if name in spiking:
            differing[name], compared[name] = int(np.count_nonzero(a != b)), a.size
            if differing[name] > SPIKE_TOLERANCE * a.size:
                _refuse_unequal(name, f"{differing[name]} of {a.size} spikes that differ")
        elif not set(source for source, end in graph.edges if end == OUTPUT) <= set(spiking):
            scale = float(np.abs(a).max()) or 1.0
            # an earlier spike on the other side of rounding moves single values: count those
            error = np.abs(a - b) / scale
            errors[name] = float(error.max())
            if np.count_nonzero(error > VALUE_TOLERANCE) > SPIKE_TOLERANCE * a.size:
                _refuse_unequal(name, f"values that differ by {errors[name]:.2g} of the largest")
    silent = tuple(name for name in spiking if not theirs[name].any())
    return Equivalence(differing, compared, errors, silent)


def _refuse_unequal(name: str, got: str) -> None:
    _refuse(
        [
            Fault(
                f"the exported graph, node {name!r}",
                got,
                "what the module computes on the sample",
                "do not use state in other ways than handing it back to the cells; else report "
                "this network as a fault of the exporter",
            )
        ]
    )


def _run(
    module: nn.Module, parts: dict[str, nn.Module], sample: Tensor
) -> dict[str, NDArray[np.float64]]:
    """Run the module step by step; return what its cells and the module itself sent."""
    sent: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (*parts, OUTPUT)}

    def listener(name: str) -> Any:
        def listen(_: nn.Module, __: Any, output: Any) -> None:
            sent[name].append(array(output[0] if isinstance(output, tuple) else output))

        return listen

    handles = [
        part.register_forward_hook(listener(name))
        for name, part in parts.items()
        if isinstance(part, STEPPED)
    ]
    state: Any = None
    try:
        with torch.no_grad():
            for step in sample:
                result = module(step) if state is None else module(step, state)
                output, state = result if isinstance(result, tuple) else (result, None)
                sent[OUTPUT].append(array(output))
    finally:
        for handle in handles:
            handle.remove()
    return {name: np.stack(steps) for name, steps in sent.items() if steps}
