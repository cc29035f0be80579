"""Parts of spiking networks: neurons, surrogates, BatchNorm over time, one-bit weights."""
