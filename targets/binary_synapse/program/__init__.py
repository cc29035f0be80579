"""A network as the machine holds it: blocks of neurons, banks of synapses, routes, bits."""
