"""The state machines of docs/binary_synapse.md, written down naively: the oracle of the simulator.

One object a unit, one pass of the loop a cycle, nothing skipped and nothing precomputed: an event
adds its weights when its core takes it, and a neuron phase reads what has arrived by then.
"""

from __future__ import annotations

from collections import Counter, deque

import numpy as np
from binary_synapse_units import BlockModel, CoreModel, Flit, Sender
from binary_synapse_walks import stored_rows, walks_of

from axonc.targets.binary_synapse.machine.architecture import Dataflow, Schedule
from axonc.targets.binary_synapse.mapping.sequential import Part
from axonc.targets.binary_synapse.program.memory import flit_bits
from axonc.targets.binary_synapse.program.program import HOST, Bank, BinaryProgram, Block, Route
from axonc.toolchain.cost import Access, Memory, Way
from axonc.toolchain.ir import Delay, IntegerNeuron
from axonc.toolchain.reference import linear_step

NORTH, EAST, SOUTH, WEST, LOCAL, TO_HOST = range(6)
STEPS = {NORTH: (0, -1), EAST: (1, 0), SOUTH: (0, 1), WEST: (-1, 0)}


Spikes = dict[int, list[tuple[int, int]]]
"""By step: flat position of each spike in its node; the other number is for blocks alone."""


def run_parts(rounds: list[tuple[Part, ...]], inputs: dict[str, np.ndarray]) -> list[MachineModel]:
    """Run one sample of (time, neurons) counts: the parts of a round take turns in each step.

    A part sees nothing but what was fired before its turn.
    """
    steps = len(next(iter(inputs.values())))
    fired: dict[str, Spikes] = {
        name: {
            t: [(int(i), 0) for i in np.flatnonzero(row) for _ in range(row[i])]
            for t, row in enumerate(counts)
        }
        for name, counts in inputs.items()
    }
    models: list[MachineModel] = []
    for parts in rounds:
        turns = [MachineModel(part.program) for part in parts]
        for part, model in zip(parts, turns, strict=True):
            model.steps = steps
            for name in part.program.graph.inputs:
                model.inputs[name] = fired.setdefault(part.returned.get(name, name), {})
            if models:
                model.sums = models[-1].handed_on
            models.append(model)
        pipelined = turns[0].machine.schedule is Schedule.PIPELINED
        for step in range(steps + turns[0].program.waves * pipelined):
            for model in turns:
                model.run_step(step)
                for block in (block for block in model.blocks if block.block.helps is None):
                    known = fired.setdefault(block.block.layer, {})
                    for t, found in block.fired.items():
                        sent = {*known.get(t, []), *((source, 0) for source, _ in found)}
                        known[t] = sorted(sent)
    return models


class MachineModel:
    """Runs one sample; `cycles_of_step`, `link_flits` and the like are read afterwards."""

    def __init__(self, program: BinaryProgram) -> None:
        self.program = program
        self.machine = program.architecture
        self.size = program.architecture.core
        self.columns = self.machine.mesh.columns
        self.now = 0
        self.fifos: dict[tuple[int, int, int], deque[Flit]] = {
            (x, y, port): deque()
            for x in range(self.columns)
            for y in range(self.machine.mesh.rows)
            for port in range(6)
        }
        self.served = dict.fromkeys(self.fifos, 0)
        self.link_flits = dict.fromkeys(self.fifos, 0)
        self.link_free = dict.fromkeys(self.fifos, 0)
        self.link_waits = dict.fromkeys(self.fifos, 0)
        self.blocks = [BlockModel(n, block) for n, block in enumerate(program.blocks)]
        self.cores = [
            CoreModel(Sender((*place, LOCAL)), [b for b in self.blocks if b.block.core == core])
            for core, place in enumerate(program.positions)
        ]
        self.host = Sender((0, 0, TO_HOST))
        self.host_flits = 0
        self.inputs: dict[str, Spikes] = {}
        self.steps = 0
        self.at = dict(zip(program.positions, self.cores, strict=True))
        self.arrivals: list[int] = []
        self.moved: Counter[Access] = Counter()
        self.flit_bits = flit_bits(program)
        self.cycles_of_step: list[int] = []
        self.counted: list[list[int]] = []  # after each step, see `_counted`
        self.cycles_of_phase = [0] * (1 + program.waves)
        self.handed_on: list[np.ndarray] = []
        self.sums: list[np.ndarray] = []  # of each step, where the program goes on with others'

    # -- steps and phases ------------------------------------------------------------------------

    def run_step(self, step: int) -> None:
        pipelined = self.machine.schedule is Schedule.PIPELINED
        turns = 1 if pipelined else 1 + self.program.waves
        if self.program.in_turns:
            self.served = dict.fromkeys(self.served, 0)
            self.link_free = dict.fromkeys(self.link_free, 0)
        started = self.now
        for turn in range(turns):
            began = self.now
            for core in self.cores:
                lags = [b.block.wave + 1 if pipelined else 0 for b in core.blocks]
                if turn == 0:
                    for model, lag in zip(core.blocks, lags, strict=True):
                        routes = self.program.block_routes[model.number]
                        name = model.block.layer
                        self._send_held(core.sender, routes, name, model.fired, step - lag)
                done = self.now + self.size.phase_overhead_cycles
                for model, lag in zip(core.blocks, lags, strict=True):
                    fires = pipelined or turn == model.block.wave + 1
                    if fires and 0 <= step - lag < self.steps:
                        done = self._fire(core, model, step - lag, done)
            if turn == 0:
                for name, routes in self.program.host_routes.items():
                    self._send_held(self.host, routes, name, self.inputs[name], step)
                for name, routes in self.program.host_routes.items():
                    for source, _ in self.inputs[name].get(step, []):
                        fresh = [route for route in routes if route.hold_steps == 0]
                        self._send(self.host, fresh, name, source, self.now, step)
                for model in self.blocks:
                    ahead = model.block.wave if pipelined else 0
                    if model.block.resumes and 0 <= step - ahead < self.steps:
                        for n, value in enumerate(self.sums[step - ahead]):
                            flit = Flit(((model.number, -1),), n, int(value))
                            self.host.queue.append((self.now, flit))
            while not self._quiet():
                self._cycle()
            self.cycles_of_phase[turn] += self.now - began
            self.now += self.machine.barrier_cycles
        self.cycles_of_step.append(self.now - started)
        self.counted.append(self._counted())

    def _send_held(self, sender, routes, node: str, fired, step: int) -> None:  # type: ignore[no-untyped-def]
        for hold in sorted({route.hold_steps for route in routes} - {0}):
            for source, _ in fired.get(step - hold, []):
                held = [route for route in routes if route.hold_steps == hold]
                self._send(sender, held, node, source, self.now, step - hold)

    def _send(
        self, sender: Sender, routes: list[Route], node: str, source: int, ready: int, step: int
    ) -> None:
        channel, row, column = np.unravel_index(source, self.program.grids[node])
        for route in routes:
            box = route.accepts
            inside = (
                box.channels[0] <= channel < box.channels[1]
                and box.rows[0] <= row < box.rows[1]
                and box.columns[0] <= column < box.columns[1]
            )
            if inside and step + route.delay_steps < self.steps:
                sender.queue.append((ready, Flit(route.targets, source)))

    def _fire(self, core: CoreModel, model: BlockModel, step: int, begins: int) -> int:
        """Update one block from cycle `begins` on; return the cycle in which it is done."""
        block, size = model.block, self.size
        neurons = len(model.ids)
        group, cycles = size.neuron_lanes, size.access_cycles
        if size.dataflow is Dataflow.NEURON_MAJOR:
            rows = [stored_rows(self.program, bank) for bank in block.banks]
            axons = sum(rows)
            for bank, count in zip(block.banks, rows, strict=True):
                self._visit(block, bank, count * neurons)
            group = 1
            cycles = max(1, -(-axons // size.scan_lanes) + size.neuron_overhead_cycles)
        ends = begins + -(-neurons // group) * cycles
        done = [begins + (n // group + 1) * cycles for n in range(neurons)]
        model.phase += ends - begins
        if begins == self.now + size.phase_overhead_cycles:
            model.phase += size.phase_overhead_cycles
        self.phase_ends = max(getattr(self, "phase_ends", 0), ends)
        if size.dataflow is Dataflow.EVENT_MAJOR:
            core.free = ends
        self._move(Memory.ACCUMULATORS, neurons * size.accumulator_bits, written=True)
        if block.helps is not None:
            if block.helps == HOST:
                self.handed_on.append(model.sums.copy())
            for n in range(neurons):
                flit = Flit(((block.helps, -1),), n, int(model.sums[n]))
                core.sender.queue.append((done[n], flit))
            model.sums[:] = 0
            return ends
        model.fired[step] = []
        fresh = [r for r in self.program.block_routes[model.number] if r.hold_steps == 0]
        for n in np.flatnonzero(self._update(model)):
            model.fired[step].append((int(model.ids[n]), int(n)))
            self._send(core.sender, fresh, block.layer, int(model.ids[n]), done[n], step)
        return ends

    def _update(self, model: BlockModel) -> np.ndarray:
        node = self.program.graph.nodes[model.block.layer]
        assert isinstance(node, IntegerNeuron)

        size, neurons = self.size, len(model.ids)
        self._move(Memory.MEMBRANES, neurons * size.membrane_bits, written=True)
        if node.current is not None:
            self._move(Memory.CURRENTS, neurons * size.current_bits, written=True)
        self._move(Memory.THRESHOLDS, neurons * size.threshold_bits)
        if node.bias.any():
            self._move(Memory.BIASES, neurons * size.bias_bits)
        return model.update(node)

    # -- bits read and written -------------------------------------------------------------------

    def _move(self, memory: Memory, bits: int, *, written: bool = False) -> None:
        self.moved[Access(Way.READ, memory)] += bits
        if written:
            self.moved[Access(Way.WRITE, memory)] += bits

    def _visit(self, block: Block, bank: Bank, synapses: int) -> None:
        """Read signs, and presence where any is absent, unless neither is stored (as in a pool)."""
        if bank.projection.stored:
            self._move(Memory.SIGNS, synapses)
            if block.has_absent_synapses(bank):
                self._move(Memory.PRESENCE, synapses)

    def state_bits(self) -> int:
        """Return what has to be kept for the next step."""
        bits = 0
        for model in self.blocks:
            if model.block.helps is None:
                node = self.program.neuron(model.block.layer)
                bits += model.membranes.size * self.size.membrane_bits
                bits += model.currents.size * self.size.current_bits * (node.current is not None)
                held = [route.hold_steps for route in self.program.block_routes[model.number]]
                bits += model.ids.size * max(held, default=0)
        return bits

    # -- one cycle -------------------------------------------------------------------------------

    def _quiet(self) -> bool:
        return (
            not any(self.fifos.values())
            and all(not c.events and c.free <= self.now for c in self.cores)
            and all(not sender.queue for sender in self._senders())
            and getattr(self, "phase_ends", 0) <= self.now
        )

    def _counted(self) -> list[int]:
        """Return cycles of walks, of neuron phases, and waits of senders, for cores, for links."""
        for_cores = sum(n for (_, _, out), n in self.link_waits.items() if out == LOCAL)
        return [
            sum(core.walk for core in self.cores),
            sum(block.phase for block in self.blocks),
            sum(sender.waits for sender in self._senders()),
            for_cores,
            sum(self.link_waits.values()) - for_cores,
        ]

    def _senders(self) -> list[Sender]:
        return [*(core.sender for core in self.cores), self.host]

    def _cycle(self) -> None:
        depth = self.machine.mesh.fifo_depth
        moves = []
        busy = dict.fromkeys((x, y) for (x, y, _), fifo in self.fifos.items() if fifo)
        for x, y, out in ((x, y, out) for x, y in busy for out in range(6)):
            wanting = [
                port
                for turn in range(1, 7)
                if self.fifos[x, y, port := (self.served[x, y, out] + turn) % 6]
                and self._branch(self.fifos[x, y, port][0], x, y, out).targets
            ]
            if not wanting:
                continue
            if out == TO_HOST:
                room = True
            elif out == LOCAL:
                room = len(self.at[x, y].events) < self.size.event_fifo_depth
            else:
                room = len(self.fifos[self._far_end(x, y, out)]) < depth
                room = room and self.link_free[x, y, out] <= self.now
            self.link_waits[x, y, out] += len(wanting) - room
            if room:
                moves.append((x, y, wanting[0], out))
        sends = []
        for sender in self._senders():
            if sender.queue and sender.queue[0][0] <= self.now:
                if len(self.fifos[sender.port]) < depth:
                    sends.append(sender)
                else:
                    sender.waits += 1
        takers = [core for core in self.cores if core.events and core.free <= self.now]

        for core in takers:
            cycles = self._take(core.events.popleft())
            core.free = self.now + cycles
            core.walk += cycles
            core.taken += 1
            self._move(Memory.FIFOS, self.flit_bits, written=True)
        for x, y, port, out in moves:
            whole = self.fifos[x, y, port][0]
            flit = self._branch(whole, x, y, out)
            rest = tuple(target for target in whole.targets if target not in flit.targets)
            self.fifos[x, y, port].popleft()
            if rest:
                self.fifos[x, y, port].appendleft(whole._replace(targets=rest))
            self.served[x, y, out] = port
            self.link_flits[x, y, out] += 1
            if out in STEPS and self._chip(x, y) != self._chip(*self._far_end(x, y, out)[:2]):
                self.link_free[x, y, out] = self.now + self.machine.mesh.chip_link_cycles
            if out == TO_HOST:
                if flit.value is None:
                    self.arrivals.append(self.now)
            elif out == LOCAL:
                core = self.at[x, y]
                core.events.append(flit)
                core.most = max(core.most, len(core.events))
            else:
                self.fifos[self._far_end(x, y, out)].append(flit)
                self._move(Memory.FIFOS, self.flit_bits, written=True)
        self.host_flits += self.host in sends
        for sender in sends:
            self.fifos[sender.port].append(sender.queue.popleft()[1])
            self._move(Memory.FIFOS, self.flit_bits, written=True)
        self.now += 1

    def _branch(self, flit: Flit, x: int, y: int, out: int) -> Flit:
        """Return the copy that leaves by one output."""
        targets = tuple(target for target in flit.targets if self._output(target[0], x, y) == out)
        return flit._replace(targets=targets)

    def _output(self, block: int, x: int, y: int) -> int:
        core = HOST if block == HOST else self.program.blocks[block].core
        to_x, to_y = (0, 0) if core == HOST else self.program.positions[core]
        if to_x != x:
            return EAST if to_x > x else WEST
        if to_y != y:
            return SOUTH if to_y > y else NORTH
        return TO_HOST if core == HOST else LOCAL

    def _far_end(self, x: int, y: int, out: int) -> tuple[int, int, int]:
        dx, dy = STEPS[out]
        return x + dx, y + dy, {NORTH: SOUTH, SOUTH: NORTH, EAST: WEST, WEST: EAST}[out]

    def _chip(self, x: int, y: int) -> tuple[int, int]:
        mesh = self.machine.mesh
        return x // (mesh.chip_columns or mesh.columns), y // (mesh.chip_rows or mesh.rows)

    # -- events ----------------------------------------------------------------------------------

    def _take(self, flit: Flit) -> int:
        """Add what an event brings to the sums of every block it is for; return its cycles."""
        size = self.size
        if flit.value is not None:
            model = self.blocks[flit.targets[0][0]]
            model.sums[flit.source] += flit.value
            self._move(Memory.ACCUMULATORS, size.accumulator_bits, written=True)
            model.walk += size.event_overhead_cycles + size.access_cycles
            return size.event_overhead_cycles + size.access_cycles
        walks = [self._walk_bank(self.blocks[at], bank, flit.source) for at, bank in flit.targets]
        cycles = max(1, size.event_overhead_cycles + sum(walks))
        self.blocks[flit.targets[0][0]].walk += cycles - sum(walks)
        return cycles

    def _walk_bank(self, model: BlockModel, bank: int, source: int) -> int:
        size = self.size
        path = model.block.banks[bank].projection.path
        nodes = [self.program.graph.nodes[name] for name in path.through]
        grid = self.program.graph.shapes[path.source]
        signal = np.zeros((1, *grid))
        signal.flat[source] = 1
        for node in nodes:
            if not isinstance(node, Delay):
                signal = linear_step(node)(signal)
        model.sums += signal.astype(np.int64).ravel()[model.ids]
        if size.dataflow is Dataflow.NEURON_MAJOR:
            return 0
        groups, walks = walks_of(model.block.box, nodes, grid, source)
        self._move(Memory.ACCUMULATORS, groups * walks * size.accumulator_bits, written=True)
        self._visit(model.block, model.block.banks[bank], groups * walks)
        cycles = walks * -(-groups // size.synapse_lanes) * size.access_cycles
        model.walk += cycles
        return cycles
