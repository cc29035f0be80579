"""One full-precision LIF network in axonc, spikingjelly and snnTorch, as each documents it.

axonc          SpikingNetwork: all steps of a layer at once
spikingjelly   multi-step mode ("m"), the torch backend
snnTorch       a loop over time of layers and `Leaky`

u[t] = v[t-1] + (x[t] - v[t-1])/2, threshold 0.2501, hard reset without gradient (snnTorch has no
other), surrogate 4*sigmoid'(4x); the loss is the cross-entropy of the last layer's mean current;
plain SGD. snnTorch does not halve the input, so its threshold is 0.5002 and its slope 2. All keep
the memory that a step frees for the next, as axonc's training asks of the C library. A peer's
convolutional network is also run with its weights and input in channels_last ("spikingjelly,
channels_last"), which axonc's layers choose by themselves.

    python training_peers.py FRAMEWORK NETWORK STEPS    prints the bytes that training steps add
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from axonc.models.training._memory import keep_freed_memory

BATCH, CLASSES, SLOPE = 64, 10, 4.0
THRESHOLD = torch.tensor(0.2501).item()  # off the weights' grid, and a number of float32
Job = Callable[[], Tensor]

keep_freed_memory()


def shapes(network: str) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Return one step's input shape and the weights' shapes of a network by name."""
    if network == "mlp":
        return (784,), [(512, 784), (512, 512), (CLASSES, 512)]
    convolutions = [(32, 2, 3, 3), (64, 32, 3, 3)]
    return (2, 34, 34), [*convolutions, (256, 64 * 9 * 9), (CLASSES, 256)]


def weights(network: str) -> list[Tensor]:
    """Draw the weights that all frameworks begin with.

    Multiples of 2^-10: sums of them are exact, so that no order of additions moves a spike. The
    threshold is none, for spikingjelly fires at it and the others above.
    """
    generator = torch.Generator().manual_seed(0)
    drawn = (torch.randn(s, generator=generator) for s in shapes(network)[1])
    return [torch.round(w * (2**10 * 1.5 / w[0].numel() ** 0.5)) / 2**10 for w in drawn]


def samples(network: str, steps: int) -> tuple[Tensor, Tensor]:
    """Draw input spikes (time, batch, *shape) and labels."""
    generator = torch.Generator().manual_seed(1)
    spikes = torch.rand(steps, BATCH, *shapes(network)[0], generator=generator) < 0.2
    return spikes.float(), torch.randint(CLASSES, (BATCH,), generator=generator)


def synapses(weight: Tensor, linear: type[nn.Module], conv: type[nn.Module]) -> Any:
    """Make a layer of this weight out of a framework's own classes."""
    if weight.dim() == 2:
        layer = linear(weight.shape[1], weight.shape[0], bias=False)
    else:
        layer = conv(weight.shape[1], weight.shape[0], 3, stride=2, padding=1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(weight)
    return layer


def axonc(network: str, weights: Sequence[Tensor], steps: int) -> tuple[nn.Module, Any]:
    from axonc.models.networks.layers import SpikingLayer
    from axonc.models.networks.network import INPUT, SpikingNetwork, Wire
    from axonc.models.nn.batchnorm import TemporalBatchNorm
    from axonc.models.nn.neurons import LIFCell, lif_parameters
    from axonc.models.nn.surrogates import Sigmoid

    layers, source = {}, INPUT
    for number, weight in enumerate(weights, start=1):
        hidden = number < len(weights)
        norm = TemporalBatchNorm(len(weight)) if hidden and network == "conv-bn" else None
        lif = lif_parameters(2e-3, THRESHOLD)
        cell = LIFCell(lif, Sigmoid(SLOPE), detach_reset=True) if hidden else None
        layer = SpikingLayer(synapses(weight, nn.Linear, nn.Conv2d), norm=norm, cell=cell)
        layers[f"layer{number}"] = (Wire(source), layer)
        source = f"layer{number}"
    net = SpikingNetwork(layers, input_shape=shapes(network)[0], classes=CLASSES, steps=steps)
    return net, net


def spikingjelly(network: str, weights: Sequence[Tensor], steps: int) -> tuple[nn.Module, Any]:
    from spikingjelly.activation_based import functional as spiking
    from spikingjelly.activation_based import layer, neuron, surrogate

    modules: list[nn.Module] = []
    dimensions = weights[0].dim()
    for weight in weights[:-1]:
        if weight.dim() == 2 and dimensions == 4:
            modules.append(layer.Flatten())
        dimensions = weight.dim()
        modules.append(synapses(weight, layer.Linear, layer.Conv2d))
        if network == "conv-bn":
            norm = layer.BatchNorm2d if weight.dim() == 4 else layer.BatchNorm1d
            modules.append(norm(len(weight)))
        modules.append(
            neuron.LIFNode(
                tau=2.0,
                v_threshold=THRESHOLD,
                surrogate_function=surrogate.Sigmoid(SLOPE),
                detach_reset=True,
            )
        )
    modules.append(synapses(weights[-1], layer.Linear, layer.Conv2d))
    net = nn.Sequential(*modules)
    spiking.set_step_mode(net, "m")

    def forward(spikes: Tensor) -> Tensor:
        spiking.reset_net(net)
        return net(spikes).mean(0)

    return net, forward


def snntorch(network: str, weights: Sequence[Tensor], steps: int) -> tuple[nn.Module, Any]:
    import snntorch as snn
    from snntorch import surrogate

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.synapses = nn.ModuleList(synapses(w, nn.Linear, nn.Conv2d) for w in weights)
            self.neurons = nn.ModuleList(
                snn.Leaky(
                    beta=0.5,
                    threshold=2 * THRESHOLD,
                    spike_grad=surrogate.sigmoid(SLOPE / 2),
                    reset_mechanism="zero",
                )
                for _ in weights[:-1]
            )
            self.norms = nn.ModuleList(norm(w) for w in weights[:-1])

        def forward(self, spikes: Tensor) -> Tensor:
            membranes = [neuron.init_leaky() for neuron in self.neurons]
            currents = []
            for x in spikes:
                for i, neuron in enumerate(self.neurons):
                    x = self.norms[i](self.synapses[i](flat(x, self.synapses[i])))
                    x, membranes[i] = neuron(x, membranes[i])
                currents.append(self.synapses[-1](x))
            return torch.stack(currents).mean(0)

    def norm(weight: Tensor) -> nn.Module:
        if network != "conv-bn":
            return nn.Identity()
        return nn.BatchNorm2d(len(weight)) if weight.dim() == 4 else nn.BatchNorm1d(len(weight))

    def flat(x: Tensor, layer: nn.Module) -> Tensor:
        return x.flatten(1) if isinstance(layer, nn.Linear) else x

    net = Net()
    return net, net


FRAMEWORKS = {"axonc": axonc, "spikingjelly": spikingjelly, "snntorch": snntorch}
PEERS = ("spikingjelly", "snntorch")
CHANNELS_LAST = ", channels_last"


def forms(network: str) -> list[str]:
    """Name the frameworks, and the peers once more where another memory format may help them."""
    other = [] if network == "mlp" else [peer + CHANNELS_LAST for peer in PEERS]
    return [*FRAMEWORKS, *other]


def training(
    form: str, network: str, steps: int, dtype: torch.dtype = torch.float32
) -> tuple[nn.Module, Job]:
    """Return a framework's network and the training step, which returns the class scores."""
    framework = form.removesuffix(CHANNELS_LAST)
    module, forward = FRAMEWORKS[framework](network, weights(network), steps)
    module.to(dtype)
    spikes, labels = samples(network, steps)
    spikes = spikes.to(dtype)
    if form != framework:
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = spikes.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        spikes = images.unflatten(0, spikes.shape[:2])
    optimizer = torch.optim.SGD(module.parameters(), 0.01)

    def step() -> Tensor:
        optimizer.zero_grad()
        scores: Tensor = forward(spikes)
        functional.cross_entropy(scores, labels).backward()
        optimizer.step()
        return scores.detach()

    return module, step


def resident_bytes(field: str) -> int:
    """Read this process's memory from Linux: VmRSS is now, VmHWM the most since it was reset."""
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    assert found is not None
    return 1024 * int(found[1])


def peak_bytes(form: str, network: str, steps: int) -> int:
    """Return the memory that three training steps need beyond the network and its samples."""
    _, step = training(form, network, steps)
    before = resident_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    for _ in range(3):
        step()
    return resident_bytes("VmHWM") - before


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(peak_bytes(sys.argv[1], sys.argv[2], int(sys.argv[3])))
