"""What a module computes in one time step, as a list of calls: torch.fx with nothing overlooked.

A tracer that skips what it does not know drops constants, merges `y + y` and copies a network once
for every turn of a time loop, all without a word. Here each operation either has a meaning in NIR
or is a fault, told with its line of the module.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..nn._norse import SequentialState, SNNCell, SNNRecurrentCell

INPUT = "input"
STEPPED = (SNNCell, SNNRecurrentCell)
"""norse's cells: they take one time step and return (output, state)."""

_COPIED_FREELY = (nn.Flatten, nn.AvgPool2d, nn.Dropout, nn.Identity)
"""Modules without parameters and state: used twice, they are two modules."""


@dataclass(frozen=True)
class Fault:
    """One thing that a static graph cannot say: the four parts of an ExportError."""

    what: str
    got: str
    expected: str
    remedy: str


@dataclass(frozen=True)
class Call:
    """One module applied to the sum of what `sources` send.

    shape_in, shape_out: of one sample, without the batch.
    """

    name: str
    module: nn.Module
    sources: tuple[str, ...]
    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]


@dataclass
class Trace:
    """The calls in the order of execution, and whose sum leaves the module."""

    calls: dict[str, Call] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    output_shape: tuple[int, ...] = ()
    faults: list[Fault] = field(default_factory=list)


def trace(module: nn.Module, step: Tensor, is_leaf: Callable[[nn.Module], bool]) -> Trace:
    """Follow one step, `module(step)` with step (batch, *shape), through a module.

    is_leaf: the modules that are called whole. Calls that do not reach the output are left out.
    """
    # In the wrapper every further argument of the module keeps its default: no state is given.
    wrapper = _OneArgument(module)
    try:
        traced = _Tracer(is_leaf).trace(wrapper)
    except Exception as error:  # whatever a user's forward raises when it is given a proxy
        text = str(error).splitlines()[0] if str(error) else "no message"
        fault = Fault(
            f"the forward pass of {type(module).__name__}",
            f"{type(error).__name__}: {text}",
            "the same operations whatever the data, for one time step",
            "move loops over time and decisions on data out of forward(), which the exporter calls"
            " with one time step (batch, *shape)",
        )
        return Trace(faults=[fault])
    walk = _Walk(wrapper, traced)
    walk.run(step)
    return walk.result()


class _OneArgument(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.train(module.training)

    def forward(self, step: Tensor) -> Any:
        return self.module(step)


class _Tracer(fx.Tracer):
    def __init__(self, is_leaf: Callable[[nn.Module], bool]) -> None:
        super().__init__()
        self.is_leaf = is_leaf

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, SequentialState | _OneArgument):
            return False
        # subclasses too: the fault then names the module, not an operation inside it
        whole = self.is_leaf(m) or isinstance(m, (*STEPPED, nn.Linear, nn.Conv1d, nn.Conv2d))
        return whole or m.__module__.startswith("norse.") or super().is_leaf_module(m, "")


@dataclass(frozen=True)
class _Signal:
    """A tensor inside the network: the sum of what these nodes send."""

    sources: tuple[str, ...]


class _State:
    """What a cell keeps for its next step; it may only be handed back."""


_ADDITIONS = (operator.add, operator.iadd, torch.add)


class _Walk(fx.Interpreter):
    """Run the traced step on data, and note beside each value what it means in NIR."""

    def __init__(self, root: nn.Module, traced: fx.Graph) -> None:
        super().__init__(fx.GraphModule(root, traced), garbage_collect_values=False)
        self.meaning: dict[fx.Node, Any] = {}
        self.trace = Trace()
        self.called: dict[str, str] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        n.meta["value"] = value
        self.meaning[n] = self._meaning(n, value)
        return value

    def result(self) -> Trace:
        """Return the calls on which the output depends."""
        needed: set[str] = set()
        waiting = list(self.trace.outputs)
        while waiting:
            name = waiting.pop()
            if name not in needed and name != INPUT:
                needed.add(name)
                waiting += self.trace.calls[name].sources
        self.trace.calls = {n: call for n, call in self.trace.calls.items() if n in needed}
        return self.trace

    def _meaning(self, node: fx.Node, value: Any) -> Any:
        if node.op == "placeholder":
            return _Signal((INPUT,))
        if node.op == "get_attr":
            return None  # a fault where it is used, and nothing where it is not
        if node.op == "output":
            return self._output(node)
        if node.op == "call_module":
            return self._call(node, value)
        if node.target in _ADDITIONS or node.target in ("add", "add_"):
            return self._sum(node)
        if node.target is operator.getitem:
            whole = self._of(node.args[0])
            if isinstance(whole, tuple) and isinstance(node.args[1], int):
                return whole[node.args[1]]
        if node.target in (torch.flatten, "flatten"):
            return self._flatten(node, value)
        return self._fault(
            node,
            got="an operation that NIR does not have",
            expected="layers, cells, additions of two branches and flattening",
            remedy="use the nn.Module that does the same (nn.Flatten, nn.AvgPool2d), or move the"
            " operation out of the network",
        )

    def _call(self, node: fx.Node, value: Any) -> Any:
        target = str(node.target)
        module = self.fetch_attr(target)
        name = _module_name(target) or type(module).__name__.lower()
        stateful = isinstance(module, STEPPED)
        signal = self._of(node.args[0]) if node.args else None
        if not isinstance(signal, _Signal):
            return self._fault(
                node,
                got="a call on something else than the one input or another layer's output",
                expected="one tensor from inside the network",
                remedy="call each layer as layer(x), each cell as cell(x, state)",
            )
        if target in self.called and not isinstance(module, _COPIED_FREELY):
            return self._fault(
                node,
                got="a module that is called more than once in one time step",
                expected="one call of each module: NIR's nodes are not shared",
                remedy="give each place its own module; run the time loop outside forward()",
            )
        if isinstance(module, nn.Dropout | nn.Identity):
            return signal
        sent = value[0] if stateful else value
        if not isinstance(sent, Tensor):
            return self._fault(
                node,
                got=f"{type(module).__name__}, which returns {type(sent).__name__}",
                expected="layers that return a tensor, cells for one time step",
                remedy="use LIFBoxCell, LIFCell, LIFRecurrentCell, LIBoxCell, LICell or IAFCell,"
                " without Lift",
            )
        self.called[target] = self._add(name, module, signal, node, sent)
        out = _Signal((self.called[target],))
        return (out, _State()) if stateful else out

    def _add(
        self, name: str, module: nn.Module, signal: _Signal, node: fx.Node, sent: Tensor
    ) -> str:
        # NIR's readers take "." and "/" in names for paths
        base = unique = name.replace(".", "_").replace("/", "_")
        number = 2
        while unique in self.trace.calls or unique in (INPUT, "output"):
            unique, number = f"{base}_{number}", number + 1
        source = node.args[0]
        assert isinstance(source, fx.Node)
        shape_in = tuple(source.meta["value"].shape[1:])
        call = Call(unique, module, signal.sources, shape_in, tuple(sent.shape[1:]))
        self.trace.calls[unique] = call
        return unique

    def _sum(self, node: fx.Node) -> Any:
        terms = [self._of(term) for term in node.args]
        if node.kwargs or len(terms) != 2 or not all(isinstance(t, _Signal) for t in terms):
            return self._fault(
                node,
                got="an addition of a constant or a parameter",
                expected="a sum of two branches of the network",
                remedy="put the constant into the bias of the layer before",
            )
        sources: tuple[str, ...] = terms[0].sources + terms[1].sources
        if twice := sorted({name for name in sources if sources.count(name) > 1}):
            return self._fault(
                node,
                got=f"the output of {', '.join(twice)} added to itself",
                expected="different branches: NIR has at most one edge between two nodes",
                remedy="double the weights of the layer before instead",
            )
        shapes = {tuple(term.meta["value"].shape) for term in node.args}  # type: ignore[union-attr]
        if len(shapes) > 1:
            return self._fault(
                node,
                got=f"a sum of shapes {' and '.join(map(str, sorted(shapes)))}",
                expected="one shape: NIR does not broadcast",
                remedy="make both branches of one shape",
            )
        return _Signal(sources)

    def _flatten(self, node: fx.Node, value: Tensor) -> Any:
        signal = self._of(node.args[0])
        given = dict(zip(("start_dim", "end_dim"), node.args[1:], strict=False)) | node.kwargs
        start, end = given.get("start_dim", 0), given.get("end_dim", -1)
        if isinstance(signal, _Signal) and isinstance(start, int) and isinstance(end, int):
            module = nn.Flatten(start, end)
            return _Signal((self._add("flatten", module, signal, node, value),))
        return self._fault(
            node, got="a flattening of no signal", expected="x.flatten(1)", remedy="use nn.Flatten"
        )

    def _output(self, node: fx.Node) -> None:
        returned = node.args[0]
        first = returned[0] if isinstance(returned, tuple | list) and returned else returned
        signal = self._of(first)
        if isinstance(signal, tuple):  # a cell's own (output, state)
            signal = signal[0]
        extra = [n for n in node.all_input_nodes if n is not first and _is_signal(self._of(n))]
        if isinstance(signal, _Signal) and not extra:
            self.trace.outputs = signal.sources
            value = first.meta["value"]  # type: ignore[union-attr]
            value = value[0] if isinstance(value, tuple) else value
            self.trace.output_shape = tuple(value.shape[1:])
        elif not self.trace.faults:
            self.trace.faults.append(
                Fault(
                    "the output of forward()",
                    "several tensors" if extra else "no tensor from inside the network",
                    "one tensor, or one tensor and the state",
                    "return (output, state)",
                )
            )

    def _of(self, argument: Any) -> Any:
        return self.meaning.get(argument) if isinstance(argument, fx.Node) else None

    def _fault(self, node: fx.Node, *, got: str, expected: str, remedy: str) -> None:
        broken = any(
            isinstance(source, fx.Node) and source.op != "get_attr" and self._of(source) is None
            for source in node.all_input_nodes
        )
        if not broken:  # else the cause is told already
            self.trace.faults.append(Fault(_described(node), got, expected, remedy))


def _is_signal(meaning: Any) -> bool:
    return isinstance(meaning, _Signal)


def _described(node: fx.Node) -> str:
    if node.op == "call_module":
        name = _module_name(str(node.target))
        return f"module {name!r}" if name else "the module"
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    return f"operation {name!r} in forward()"


def _module_name(target: str) -> str:
    """Return a module's name as its user knows it, empty for the whole."""
    return target.removeprefix("module").removeprefix(".")
