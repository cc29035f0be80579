"""The memory image of a program: flat arrays that compiled code can walk."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from axonc.toolchain.ir import IntegerNeuron, LeakyState, Overflow, Reset, Rounding, Taps

from ..program.program import HOST, Bank, BinaryProgram, Block
from ..program.projections import ConvProjection, DenseProjection, RowProjection

# Columns of `Image.banks`. Offsets point into `table` unless another array is named.
(
    DENSE,  # 1 dense, 0 convolution
    DELAY,  # steps
    UNITS,  # first entry in `units`; the last is where the next bank begins
    ACCEPTS,  # box of sources, six columns: channels, rows, columns, each first and last + 1
    CHANNELS,  # of the block's box
    ROWS,
    COLUMNS,
    SIGNS,  # dense: offset in `words` of the signs of present synapses; conv: offset in `kernel`
    PRESENT,  # dense: offset in `words` of presence bits, or -1
    WORDS,  # dense: 64-bit words a row
    START,  # dense: row starts by flat source position, kept for those that the bank takes
    LISTED,  # dense: the rows
    EFFECTIVE,  # dense: present synapses by row; conv: by (channel, kernel row, kernel column)
    ROW_TAPS,  # conv: starts by source row, then (kernel row, output row) pairs
    COLUMN_TAPS,  # conv: the same for columns
    FANOUT,  # conv: (first output channel, output channels, offset in the kernel) by channel
    KERNEL_ROWS,
    KERNEL_COLUMNS,
    MOST_ROWS,  # dense: rows of the source that has most
    PLAIN,  # dense: 1 if every source has the row of its own number, and no synapse is absent
) = (0, 1, 2, 3, *range(9, 25))
BANK_FIELDS = 25

# Columns of `Image.blocks`.
(
    FIRST_SLOT,
    LAST_SLOT,
    FIRST_BANK,
    LAST_BANK,
    HELPS,
    WAVE,
    FRACTION_BITS,
    SUBTRACTS,
    HAS_CURRENT,
    MEMBRANE,
    CURRENT,
) = (*range(10), 14)
BLOCK_FIELDS = 19
HANDED_ON = -2
"""In HELPS: a later part goes on with the block's sums."""
# Columns of a state, from MEMBRANE and from CURRENT on.
SHIFT, FLOORS, MINIMUM, MAXIMUM, WRAPS = range(5)

# Rows of `Image.slots`.
MULTIPLIER, CURRENT_MULTIPLIER, THRESHOLD, BIAS, V_RESET = range(5)

WORDS_AT_ONCE = 16
"""Words that are added in a loop of constant length, which becomes vector instructions."""


class Image(NamedTuple):
    """A program as arrays.

    Units are what emits events: the blocks by number, then one unit an input node. The neurons of
    all blocks are numbered one after another ("slots"); so are those of all spiking nodes
    ("fired" columns).
    """

    units: np.ndarray  # (units, 4) first fired column and grid of the unit's node
    resuming: int  # block that goes on with the sums of an earlier part, -1 without
    order: np.ndarray  # (blocks) order of evaluation: by wave, helpers before their owners
    blocks: np.ndarray  # (blocks, BLOCK_FIELDS)
    slot_ids: np.ndarray  # (slots) flat position in the node, int32
    slots: np.ndarray  # (5, slots) neuron parameters
    banks: np.ndarray  # (banks + 1, BANK_FIELDS)
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


def build_image(program: BinaryProgram) -> Image:
    """Return the memory image of `program`."""
    graph, blocks = program.graph, program.blocks
    columns, first = {}, 0
    for name, grid in program.grids.items():
        columns[name] = first
        first += int(np.prod(grid))
    inputs = list(graph.inputs)
    unit_nodes = [block.layer for block in blocks] + inputs
    units_of = {
        name: [u for u, b in enumerate(blocks) if b.layer == name and b.helps is None]
        for name in program.grids
    }
    units_of |= {name: [len(blocks) + i] for i, name in enumerate(inputs)}

    table, words, kernel = _Tables(np.int32), _Tables(np.uint64), _Tables(np.int8)
    banks: list[dict[int, int]] = []
    feeds: list[int] = []
    rows: list[tuple[int, ...]] = []
    slots = 0
    for block in blocks:
        first_bank, first_slot = len(banks), slots
        slots += block.box.volume
        for bank in block.banks:
            fill = _conv_bank if isinstance(bank.projection, ConvProjection) else _dense_bank
            box = (*bank.accepts.channels, *bank.accepts.rows, *bank.accepts.columns)
            banks.append(
                fill(bank, block, table, words, kernel)
                | dict(zip((CHANNELS, ROWS, COLUMNS), block.box.sizes, strict=True))
                | {ACCEPTS + i: edge for i, edge in enumerate(box)}
                | {DELAY: bank.projection.path.delay, UNITS: len(feeds)}
            )
            feeds += units_of[bank.projection.path.source]
        neuron = _neuron(graph.nodes[block.layer])
        rows.append(
            (
                first_slot,
                slots,
                first_bank,
                len(banks),
                -1 if block.helps is None else HANDED_ON if block.helps == HOST else block.helps,
                block.wave,
                neuron.fraction_bits,
                neuron.reset is Reset.SUBTRACT,
                neuron.current is not None,
                *_state(neuron.membrane),
                *_state(neuron.current or neuron.membrane),
            )
        )
    banks.append({UNITS: len(feeds)})
    bank_array = np.full((len(banks), BANK_FIELDS), -1, np.int64)
    for number, fields in enumerate(banks):
        for field, value in fields.items():
            bank_array[number, field] = value
    return Image(
        units=_integers([(columns[name], *program.grids[name]) for name in unit_nodes]),
        resuming=-1 if program.resuming is None else program.resuming,
        order=_integers(sorted(range(len(blocks)), key=lambda unit: (blocks[unit].wave, unit))),
        blocks=_integers(rows).reshape(-1, BLOCK_FIELDS),
        slot_ids=np.concatenate([block.box.flat_ids(block.grid) for block in blocks]).astype(
            np.int32
        ),
        slots=np.concatenate([_parameters(program, block) for block in blocks], axis=1),
        banks=bank_array,
        feeds=_integers(feeds),
        table=table.joined(),
        words=words.joined(2 * WORDS_AT_ONCE),
        kernel=kernel.joined(),
    )


def _dense_bank(
    bank: Bank, block: Block, table: _Tables, words: _Tables, kernel: _Tables
) -> dict[int, int]:
    projection = bank.projection
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
    return {
        DENSE: 1,
        START: table.add(starts, (key, "starts")) - first,
        LISTED: table.add(rows, (key, "rows")),
        MOST_ROWS: int(np.diff(starts).max(initial=0)),
        PLAIN: int(start is None and bool(accepted.all()) and bool(weights.all())),
        WORDS: -(-weights.shape[1] // 64),
        SIGNS: words.add(pack_rows(weights > 0)),
        PRESENT: -1 if weights.all() else words.add(pack_rows(weights != 0)),
        EFFECTIVE: table.add(np.count_nonzero(weights, axis=1)),
    }


def _conv_bank(
    bank: Bank, block: Block, table: _Tables, words: _Tables, kernel: _Tables
) -> dict[int, int]:
    projection = bank.projection
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
        DENSE: 0,
        SIGNS: kernel.add(np.concatenate(parts), (key, "kernel")),
        FANOUT: table.add(channels, (key, "channels")),
        EFFECTIVE: table.add(present, (key, "present")),
        KERNEL_ROWS: area[0],
        KERNEL_COLUMNS: area[1],
        ROW_TAPS: _lay_taps(
            table,
            projection.row_taps.within(*block.box.rows),
            (id(projection), "y", block.box.rows),
        ),
        COLUMN_TAPS: _lay_taps(
            table,
            projection.column_taps.within(*block.box.columns),
            (id(projection), "x", block.box.columns),
        ),
    }


def _lay_taps(table: _Tables, taps: Taps, key: Any) -> int:
    """Lay starts, then (kernel, out) pairs; starts count from the beginning of the table."""
    pairs = np.stack([taps.kernel, taps.out], axis=1)
    return table.add(np.concatenate([len(taps.start) + 2 * taps.start, pairs.ravel()]), key)


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
