"""The memory image of a program: flat arrays that compiled code can walk."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from axonc.toolchain.ir import IntegerNeuron, LeakyState, Overflow, Reset, Rounding, Taps

from ..program.box import Box
from ..program.program import HOST, Bank, BinaryProgram, Block
from ..program.projections import ConvProjection, DenseProjection, RowProjection
from .records import BANK, BLOCK, HANDED_ON, NO_BLOCK, STATE, UNIT

Fields = dict[str, Any]
"""Values of a record by field."""

WORDS_AT_ONCE = 16
"""Words that are added in a loop of constant length, which becomes vector instructions."""


class Parameters(NamedTuple):
    """The parameters of all neurons, each of shape (slots), int64."""

    multiplier: np.ndarray
    current_multiplier: np.ndarray
    threshold: np.ndarray
    bias: np.ndarray
    v_reset: np.ndarray


class Image(NamedTuple):
    """A program as arrays.

    Units are what emits events: the blocks by number, then one unit an input node. The neurons of
    all blocks are numbered one after another ("slots"); so are those of all spiking nodes
    ("fired" columns).
    """

    units: np.ndarray  # (units) of UNIT
    resuming: int  # block that goes on with the sums of an earlier part, -1 without
    order: np.ndarray  # (blocks) order of evaluation: by wave, helpers before their owners
    blocks: np.ndarray  # (blocks) of BLOCK
    membranes: np.ndarray  # (blocks) of STATE
    currents: np.ndarray  # (blocks) of STATE; that of the membrane where there is no current
    slot_ids: np.ndarray  # (slots) flat position in the node, int32
    slots: Parameters
    banks: np.ndarray  # (banks + 1) of BANK
    feeds: np.ndarray  # the units that feed each bank
    table: np.ndarray  # int32
    words: np.ndarray  # uint64; zeros behind the last row: a row of nothing, and room to read
    kernel: np.ndarray  # int8


class _Tables:
    """Arrays laid end to end, each laid once."""

    def __init__(self, dtype: Any) -> None:
        self.parts: list[np.ndarray] = []
        self.size = 0
        self.dtype = dtype
        self.known: dict[Any, int] = {}

    def add(self, values: np.ndarray, key: Any = None) -> int:
        """Lay `values` down and return their offset; the same key is laid once."""
        if key is not None and key in self.known:
            return self.known[key]
        offset = self.size
        self.parts.append(np.ascontiguousarray(values, self.dtype).ravel())
        self.size += self.parts[-1].size
        if key is not None:
            self.known[key] = offset
        return offset

    def joined(self, margin: int = 1) -> np.ndarray:
        """Return all of it and some zeros; empty arrays would have no plain type."""
        return np.concatenate([*self.parts, np.zeros(margin, self.dtype)])


class _Store(NamedTuple):
    """The memories that banks are laid into."""

    table: _Tables
    words: _Tables
    kernel: _Tables


def build_image(program: BinaryProgram) -> Image:
    """Return the memory image of `program`."""
    graph, blocks = program.graph, program.blocks
    columns, first = {}, 0
    for name, grid in program.grids.items():
        columns[name] = first
        first += int(np.prod(grid))
    unit_nodes = [block.layer for block in blocks] + list(graph.inputs)
    store = _Store(_Tables(np.int32), _Tables(np.uint64), _Tables(np.int8))
    banks, feeds = _banks(program, store)
    neurons = [_neuron(graph.nodes[block.layer]) for block in blocks]
    ids = [block.box.flat_ids(block.grid) for block in blocks]
    parameters = [_parameters(program, block) for block in blocks]
    return Image(
        units=np.array([(columns[name], *program.grids[name]) for name in unit_nodes], UNIT),
        resuming=-1 if program.resuming is None else program.resuming,
        order=_integers(sorted(range(len(blocks)), key=lambda unit: (blocks[unit].wave, unit))),
        blocks=_block_records(program, neurons),
        membranes=np.array([_state(neuron.membrane) for neuron in neurons], STATE),
        currents=np.array([_state(n.current or n.membrane) for n in neurons], STATE),
        slot_ids=np.concatenate(ids).astype(np.int32),
        slots=Parameters(*np.concatenate(parameters, axis=1)),
        banks=banks,
        feeds=feeds,
        table=store.table.joined(),
        words=store.words.joined(2 * WORDS_AT_ONCE),
        kernel=store.kernel.joined(),
    )


def _banks(program: BinaryProgram, store: _Store) -> tuple[np.ndarray, np.ndarray]:
    """Lay all banks into the memories; return their records, one more at the end, and feeds."""
    blocks, inputs = program.blocks, list(program.graph.inputs)
    units_of = {
        name: [u for u, b in enumerate(blocks) if b.layer == name and b.helps is None]
        for name in program.grids
    }
    units_of |= {name: [len(blocks) + i] for i, name in enumerate(inputs)}
    banks: list[Fields] = []
    feeds: list[int] = []
    for block in blocks:
        for bank in block.banks:
            fill = _conv_bank if isinstance(bank.projection, ConvProjection) else _dense_bank
            banks.append(
                fill(bank, block, store)
                | dict(zip(("channels", "rows", "columns"), block.box.sizes, strict=True))
                | {"accepts": box_record(bank.accepts)}
                | {"delay": bank.projection.path.delay, "first_feed": len(feeds)}
            )
            feeds += units_of[bank.projection.path.source]
    banks.append({"first_feed": len(feeds)})
    records = np.full(len(banks) * BANK.itemsize // 8, -1, np.int64).view(BANK)
    for number, fields in enumerate(banks):
        for field, value in fields.items():
            records[number][field] = value
    return records, _integers(feeds)


def _block_records(program: BinaryProgram, neurons: list[IntegerNeuron]) -> np.ndarray:
    """Return a record of BLOCK for each block, whose neurons and banks are numbered through."""
    rows: list[tuple[int, ...]] = []
    banks = slots = 0
    for block, neuron in zip(program.blocks, neurons, strict=True):
        first_bank, first_slot = banks, slots
        banks, slots = banks + len(block.banks), slots + block.box.volume
        rows.append(
            (
                first_slot,
                slots,
                first_bank,
                banks,
                _helped(block),
                block.wave,
                neuron.fraction_bits,
                neuron.reset is Reset.SUBTRACT,
                neuron.current is not None,
            )
        )
    return np.array(rows, BLOCK)


def _dense_bank(bank: Bank, block: Block, store: _Store) -> Fields:
    projection, table = bank.projection, store.table
    assert isinstance(projection, RowProjection)
    start = rows_at = None
    if isinstance(projection, DenseProjection):
        start, rows_at = projection.start, projection.rows
    stored = bank.axons
    key = (id(projection), bank.accepts)
    sources = int(np.prod(projection.source_grid))
    accepted = np.zeros(sources, bool)
    accepted[bank.accepts.flat_ids(projection.source_grid)] = True
    first = 0  # source that the row starts are kept from
    if start is None or rows_at is None:
        first, last = int(stored[0]), int(stored[-1])
        starts = np.concatenate([[0], np.cumsum(accepted[first : last + 1])])
        rows = np.arange(len(stored))
    else:
        kept = np.repeat(accepted, np.diff(start))
        starts = np.concatenate([[0], np.cumsum(kept)])[start]
        rows = np.searchsorted(stored, rows_at[kept])
    weights = projection.synapses(bank.accepts, block.box).T
    absent = block.has_absent_synapses(bank)
    return {
        "is_dense": 1,
        "row_starts": table.add(starts, (key, "starts")) - first,
        "row_numbers": table.add(rows, (key, "rows")),
        "most_rows": int(np.diff(starts).max(initial=0)),
        "is_plain": int(start is None and bool(accepted.all()) and not absent),
        "words": -(-weights.shape[1] // 64),
        "signs": store.words.add(pack_rows(weights > 0)),
        "presence": store.words.add(pack_rows(weights != 0)) if absent else -1,
        "effective": table.add(np.count_nonzero(weights, axis=1)),
    }


def _conv_bank(bank: Bank, block: Block, store: _Store) -> Fields:
    projection, table = bank.projection, store.table
    assert isinstance(projection, ConvProjection)
    area = projection.kernel.shape[2:]
    # Kernel memory: source channel, kernel row, kernel column, output channel innermost.
    parts: list[np.ndarray] = []
    channels = np.zeros((projection.source_grid[0], 3), np.int64)
    present = np.zeros((projection.source_grid[0], *area), np.int64)
    offset = 0
    for start, low, weights in projection.kernel_parts(bank.accepts, block.box):
        for channel, word in enumerate(weights.transpose(1, 2, 3, 0), start):
            channels[channel] = (low - block.box.channels[0], len(weights), offset)
            present[channel] = np.count_nonzero(word, axis=2)
            parts.append(word.ravel())
            offset += word.size
    key = (id(projection), block.box.channels, bank.accepts.channels)
    return {
        "is_dense": 0,
        "signs": store.kernel.add(np.concatenate(parts), (key, "kernel")),
        "fan_out": table.add(channels, (key, "channels")),
        "effective": table.add(present, (key, "present")),
        "kernel_rows": area[0],
        "kernel_columns": area[1],
        "row_taps": _lay_taps(
            table,
            projection.row_taps.within(*block.box.rows),
            (id(projection), "y", block.box.rows),
        ),
        "column_taps": _lay_taps(
            table,
            projection.column_taps.within(*block.box.columns),
            (id(projection), "x", block.box.columns),
        ),
    }


def _lay_taps(table: _Tables, taps: Taps, key: Any) -> int:
    """Lay starts, then (kernel, out) pairs; starts count from the beginning of the table."""
    pairs = np.stack([taps.kernel, taps.out], axis=1)
    return table.add(np.concatenate([len(taps.start) + 2 * taps.start, pairs.ravel()]), key)


def box_record(box: Box) -> tuple[int, ...]:
    """Return a box of sources as a record has it."""
    return (*box.channels, *box.rows, *box.columns)


def _helped(block: Block) -> int:
    """Return the block that gets the partial sums of one, as a record has it."""
    if block.helps is None:
        return NO_BLOCK
    return HANDED_ON if block.helps == HOST else block.helps


def pack_rows(bits: np.ndarray) -> np.ndarray:
    """Return bool (rows, columns) as uint64 (rows, ceil(columns / 64)), column 0 the lowest bit."""
    rows, columns = bits.shape
    padded = np.zeros((rows, -(-columns // 64) * 64), bool)
    padded[:, :columns] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def _neuron(node: object) -> IntegerNeuron:
    assert isinstance(node, IntegerNeuron)
    return node


def _parameters(program: BinaryProgram, block: Block) -> np.ndarray:
    """Return the neuron parameters of a block's slots, (5, slots)."""
    neuron = _neuron(program.graph.nodes[block.layer])
    current = neuron.current or neuron.membrane
    rows = (
        neuron.membrane.multiplier,
        current.multiplier,
        neuron.threshold,
        neuron.bias,
        neuron.v_reset,
    )
    ids = block.box.flat_ids(block.grid)
    return np.stack([np.broadcast_to(row, neuron.shape).ravel()[ids] for row in rows])


def _state(state: LeakyState) -> tuple[int, int, int, int, int]:
    return (
        state.shift,
        int(state.rounding is Rounding.FLOOR),
        state.minimum,
        state.maximum,
        int(state.overflow is Overflow.WRAP),
    )


def _integers(values: Any) -> np.ndarray:
    return np.ascontiguousarray(values, np.int64)
