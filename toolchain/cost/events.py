"""What is counted in a run, and what profiles give a price for: one vocabulary for all targets."""

from __future__ import annotations

from enum import StrEnum


class Count(StrEnum):
    """A total of a run, over its whole batch; of the run, or of one node of it."""

    SAMPLES = "samples"
    SPIKES = "spikes"
    SYNAPTIC_OPERATIONS = "synaptic_operations"
    """Additions of a present synapse into a neuron's sum."""
    NEURON_UPDATES = "neuron_updates"
    ACTIVE_UPDATES = "active_updates"
    """Updates of neurons whose state is not at rest."""
    OVERFLOWS = "overflows"
    """States that were saturated or wrapped."""
    CURRENT_WRAPS = "current_wraps"
    MEMBRANE_CLIPS = "membrane_clips"
    EVENTS = "events"
    """Spikes that banks of synapses took."""
    SYNAPSES_WALKED = "synapses_walked"
    """Synapses that were visited, absent ones included."""
    CORES = "cores"
    WALK_CYCLES = "walk_cycles"
    NEURON_PHASE_CYCLES = "neuron_phase_cycles"
    EVENT_FIFO_MOST = "event_fifo_most"
    """The most events that ever waited in a core."""
    PARTIAL_SUMS = "partial_sums"
    SUMS_FROM_HOST = "sums_from_host"
    SUMS_TO_HOST = "sums_to_host"
    FLITS = "flits"
    FLITS_FROM_HOST = "flits_from_host"
    HOPS = "hops"
    CHIP_HOPS = "chip_hops"
    OUTPUT_SPIKES = "output_spikes"
    MESH_WAIT_CYCLES = "mesh_wait_cycles"
    EVENT_FIFO_WAIT_CYCLES = "event_fifo_wait_cycles"
    SEND_WAIT_CYCLES = "send_wait_cycles"
    BINS = "bins"
    """Spike bins that were compared with another engine."""
    BINS_UNLIKE_THE_EMULATOR = "bins_unlike_the_emulator"


class Event(StrEnum):
    """Something that happens on a chip and has, or should have, a price."""

    SYNAPTIC_OPERATION = "synaptic_operation"
    SYNAPTIC_OPERATION_DENSE = "synaptic_operation_dense"
    SYNAPTIC_OPERATION_SPARSE = "synaptic_operation_sparse"
    SYNAPTIC_OPERATION_CONV = "synaptic_operation_conv"
    SYNAPSE_WALKED = "synapse_walked"
    NEURON_UPDATE = "neuron_update"
    NEURON_UPDATE_ACTIVE = "neuron_update_active"
    NEURON_UPDATE_INACTIVE = "neuron_update_inactive"
    SPIKE_GENERATED = "spike_generated"
    SPIKE_MESSAGE = "spike_message"
    MESSAGE_SENT = "message_sent"
    MESSAGE_RECEIVED = "message_received"
    HOP_EAST_WEST = "hop_east_west"
    HOP_NORTH_SOUTH = "hop_north_south"
    ADD_8BIT = "add_8bit"
    ADD_16BIT = "add_16bit"
    ADD_32BIT = "add_32bit"
    MULTIPLY_32BIT = "multiply_32bit"
    MEMORY_BIT_8KB = "memory_bit_8kb"
    MEMORY_BIT_32KB = "memory_bit_32kb"
    MEMORY_BIT_1MB = "memory_bit_1mb"
    EXTERNAL_BIT = "external_bit"


class StepPart(StrEnum):
    """What the time of a step is made of."""

    SYNAPTIC_OPERATIONS = "synaptic operations"
    NEURON_UPDATES = "neuron updates"
    SPIKES_AND_MESSAGES = "spikes and messages"
    LONGEST_WAY = "longest way of a message"
    BARRIER = "barrier"
    BARRIER_BETWEEN_CHIPS = "barrier between chips"
