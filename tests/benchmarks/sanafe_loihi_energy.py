"""Run by the interpreter of an environment that has SANA-FE: a network from a JSON file on Loihi.

Reads {"spikes": per input neuron, "weights": per layer (outputs, inputs), "thresholds": per layer},
maps the inputs to tile 1 and each layer to a core of tile 0, and prints energies in joule and
the time of all steps in seconds.
"""

import json
import sys

import sanafe

with open(sys.argv[1]) as file:
    job = json.load(file)
architecture, network = sanafe.load_loihi(), sanafe.Network()
before = network.create_neuron_group("in", len(job["spikes"]))
for index, spikes in enumerate(job["spikes"]):
    before[index].set_attributes(
        soma_hw_name=f"loihi_inputs[{index}]", model_attributes={"spikes": spikes}
    )
    before[index].map_to_core(architecture.tiles[1].cores[0])
layers = zip(job["weights"], job["thresholds"], architecture.tiles[0].cores, strict=False)
for number, (weights, threshold, core) in enumerate(layers):
    leaky = {"threshold": threshold + 0.5, "leak_decay": 1.0, "reset_mode": "hard"}
    group = network.create_neuron_group(
        f"layer{number}",
        len(weights),
        leaky,
        soma_hw_name="loihi_lif",
        default_synapse_hw_name="loihi_dense_synapse",
    )
    by_source = [float(row[i]) for i in range(len(weights[0])) for row in weights]
    before.connect_neurons_dense(group, {"weight": by_source})
    for neuron in group:
        neuron.map_to_core(core)
    before = group
chip = sanafe.SpikingChip(architecture)
chip.load(network)
result = chip.sim(len(job["spikes"][0]) + 1)  # the last spikes arrive one step later
figures = {"operations": result["spikes"], "time_s": result["sim_time"]}
print(json.dumps({**result["energy"], **figures}))
