"""Run by the interpreter of an environment that has SANA-FE: 784-800-10, T = 100, 10 % input.

Prints one JSON object: build_s, sim_s (the best of five), synaptic_operations (the mean of five).
"""

import json
import random
import time

import sanafe

STEPS, RUNS = 100, 5

started = time.perf_counter()
random_values = random.Random(0)
architecture, network = sanafe.load_loihi(), sanafe.Network()
inputs = network.create_neuron_group("input", 784)
leaky = {"threshold": 8.0, "leak_decay": 0.9, "reset_mode": "hard"}
hidden = network.create_neuron_group("hidden", 800, leaky, soma_hw_name="loihi_lif")
output = network.create_neuron_group("output", 10, leaky, soma_hw_name="loihi_lif")
for index, neuron in enumerate(inputs):
    spikes = [int(random_values.random() < 0.1) for _ in range(RUNS * STEPS)]
    neuron.set_attributes(
        soma_hw_name=f"loihi_inputs[{index}]", model_attributes={"spikes": spikes}
    )
for source, target, synapses in ((inputs, hidden, 784 * 800), (hidden, output, 8000)):
    weights = [float(random_values.choice((-1, 1))) for _ in range(synapses)]
    source.connect_neurons_dense(target, {"weight": weights})
cores = [core for tile in architecture.tiles for core in tile.cores]
for group, core in zip((inputs, hidden, output), cores, strict=False):
    for neuron in group:
        neuron.map_to_core(core)
chip = sanafe.SpikingChip(architecture)
chip.load(network)
build_s = time.perf_counter() - started
times = []
operations = 0
for _ in range(RUNS):
    started = time.perf_counter()
    result = chip.sim(STEPS, timing_model="detailed", processing_threads=1)
    times.append(time.perf_counter() - started)
    operations += result["spikes"]
print(
    json.dumps({"build_s": build_s, "sim_s": min(times), "synaptic_operations": operations // RUNS})
)
