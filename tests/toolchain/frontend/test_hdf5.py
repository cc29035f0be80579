"""Hostile HDF5 files are refused before they cost memory, time or the process."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import zlib

import h5py
import nir
import numpy as np
import pytest

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import Limits, load_graph
from axonc.toolchain.frontend.hdf5 import read_file
from axonc.toolchain.frontend.nir_file import NirReader
from axonc.toolchain.frontend.reader_process import ReaderProcess, read_isolated


@pytest.fixture
def path(chain, lif, written):
    return written(chain(4, 3, fc=nir.Linear(np.ones((3, 4))), lif=lif(3)))


def refusal(path, change=None, **keywords):
    if change is not None:
        with h5py.File(path, "r+") as file:
            change(file)
    with pytest.raises(InputError) as error:
        load_graph(path, **keywords)
    return str(error.value)


def weight(file):
    """Drop the weight of node fc, and return the group where another can be put."""
    del file["node/nodes/fc/weight"]
    return file["node/nodes/fc"]


def test_soft_links(path):
    def change(file):
        weight(file)["weight"] = h5py.SoftLink("/node/nodes/lif/tau")

    assert "got a soft or external link 'weight', expected data in" in refusal(path, change)


def test_external_links(path, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["weight"] = np.ones((3, 4))

    def change(file):
        weight(file)["weight"] = h5py.ExternalLink("other.h5", "/weight")

    assert "got a soft or external link 'weight', expected data in" in refusal(path, change)


@pytest.mark.parametrize("place", ["node/nodes/lif", "node", "node/nodes"])
def test_groups_that_hold_themselves(path, place):
    def change(file):
        file["node/nodes/loop"] = file[place]

    assert "linked from two places or into a cycle, expected a tree" in refusal(path, change)


def test_external_storage(path, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(96))

    def change(file):
        external = [(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)]
        weight(file).create_dataset("weight", (3, 4), "f8", external=external)

    assert "got data stored outside the file or by an unknown filter" in refusal(path, change)


def test_virtual_storage(path):
    def change(file):
        layout = h5py.VirtualLayout((3, 4), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "weight", (3, 4))
        weight(file).create_virtual_dataset("weight", layout)

    assert "got data stored outside the file or by an unknown filter" in refusal(path, change)


def test_arrays_beyond_the_limit_are_never_allocated(path):
    def change(file):
        weight(file).create_dataset("weight", (1 << 20, 1 << 20), "f8", chunks=(64, 64))

    text = refusal(path, change)
    assert "got an array of shape (1048576, 1048576), 8796093022208 bytes in memory" in text


def test_a_limit_counts_all_arrays_together(path):
    assert "expected at most 100 bytes in all arrays" in refusal(
        path, limits=Limits(data_bytes=100)
    )


def test_chunks_count_as_what_they_decompress_to(path):
    def change(file):
        weight(file).create_dataset(
            "weight", (3, 4), "f8", maxshape=(None, None), chunks=(1 << 14, 1 << 14)
        )

    assert "got an array of shape (3, 4), 2147483648 bytes in memory" in refusal(path, change)


def test_a_small_file_holds_no_more_than_deflate_can_pack(path):
    def change(file):
        weight(file).create_dataset("weight", (100, 1 << 20), "f8", chunks=(1, 1 << 16))

    text = refusal(path, change)
    assert "got an array of shape (100, 1048576), 838860800 bytes in memory" in text


def test_a_deflate_bomb_in_a_small_chunk_dies_with_its_reader(path):
    """A chunk that says 96 bytes and inflates to 3 GB: the library believes the stream."""
    squeeze = zlib.compressobj()
    head = squeeze.compress(b"") + squeeze.flush(zlib.Z_FULL_FLUSH)
    block = squeeze.compress(bytes(1 << 24)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    bomb = head + block * 190

    def change(file):
        made = weight(file).create_dataset("weight", (3, 4), "f8", chunks=(3, 4), compression=9)
        made.id.write_direct_chunk((0, 0), bomb)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = refusal(path, change, limits=Limits(data_bytes=1 << 20))
    assert text.startswith(f"{path}: the file: got ")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 18  # KiB


def test_objects_and_compounds(path):
    def change(file):
        weight(file).create_dataset("weight", (3,), h5py.vlen_dtype(np.float32))

    assert "field 'weight': got elements of type object, expected booleans" in refusal(path, change)


def test_an_empty_data_set(path):
    def change(file):
        weight(file)["weight"] = h5py.Empty("f8")

    assert "field 'weight': got a group or an empty data set, expected" in refusal(path, change)


def test_too_deep_a_nesting(path):
    def change(file):
        group = file["node/nodes"]
        for _ in range(100):
            group = group.create_group("inner")
            group["type"] = "NIRGraph"
            group.create_dataset("edges", (0,), "f8")
            group = group.create_group("nodes")

    assert "got graphs nested deeper, expected at most 8 levels" in refusal(path, change)


def test_names_that_cannot_be_printed(path):
    def change(file):
        file["node/nodes"].move("lif", "l\x1b[2Jf")

    assert "got a member named b'l\\x1b[2Jf', expected 1 to 256 printable" in refusal(path, change)


@pytest.mark.parametrize("edges", [np.zeros((2, 2)), np.array([[b"a", b"b", b"c"]])])
def test_edges_that_are_no_pairs_of_names(path, edges):
    def change(file):
        del file["node/edges"]
        file["node/edges"] = edges

    assert "expected pairs of node names" in refusal(path, change)


def test_a_text_instead_of_a_number(path):
    def change(file):
        weight(file)["weight"] = "ones"

    assert "node 'fc' (Linear), weight: got the text 'ones', expected an array" in refusal(
        path, change
    )


def test_a_bare_data_set_as_a_node(path):
    def change(file):
        file["node/nodes/extra"] = np.zeros(3)

    assert "node 'extra': got a bare data set, expected a group of fields" in refusal(path, change)


def test_a_node_without_a_type(path):
    assert "node 'fc': got no field 'type', expected the name of a NIR node" in refusal(
        path, lambda file: file.__delitem__("node/nodes/fc/type")
    )


def test_a_graph_without_edges(path):
    assert "got a NIRGraph with nothing, expected a group 'nodes' and a list 'edges'" in refusal(
        path, lambda file: file.__delitem__("node/edges")
    )


def test_the_order_of_creation_is_kept_where_the_file_tracks_it(path, tmp_path):
    tracked = tmp_path / "tracked.nir"
    with h5py.File(path) as old, h5py.File(tracked, "w", track_order=True) as new:
        new["version"] = "1.0.8"
        node = new.create_group("node", track_order=True)
        node["type"] = "NIRGraph"
        old.copy("node/edges", node)
        nodes = node.create_group("nodes", track_order=True)
        for name in ("output", "fc", "input", "lif"):
            old.copy(f"node/nodes/{name}", nodes)
    assert list(load_graph(tracked).nodes) == ["output", "fc", "input", "lif"]


def test_both_readers_return_the_same(path):
    here, there = read_file(str(path), Limits(), NirReader), read_isolated(str(path), Limits())
    assert here.version == there.version == nir.version
    assert here.root.edges == there.root.edges
    for name, node in here.root.nodes.items():
        other = there.root.nodes[name]
        assert (node.kind, list(node.fields)) == (other.kind, list(other.fields))
        for one, two in zip(node.fields.values(), other.fields.values(), strict=True):
            assert np.array_equal(one, two) and one.dtype == two.dtype


def test_the_reader_comes_back_after_it_died(path):
    reader = ReaderProcess()
    try:
        first = reader.read(str(path), Limits()).root
        reader._child.kill()
        reader._child.wait()
        assert reader.read(str(path), Limits()).root.edges == first.edges
    finally:
        reader.close()


def test_an_interrupt_leaves_no_stale_answer(path, tmp_path, monkeypatch):
    reader = ReaderProcess()
    try:
        first = reader.read(str(path), Limits()).root
        with monkeypatch.context() as patch:
            patch.setattr(reader, "_receive", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                reader.read(str(path), Limits(nodes=1))
        assert reader.read(str(path), Limits()).root.edges == first.edges
    finally:
        reader.close()


def test_a_structure_that_takes_too_long_is_given_up(path, monkeypatch):
    """As a damaged one does on which the library loops; here the watchdog bites at once."""
    reader = ReaderProcess()
    ask = reader._ask

    def bitten(child, *question):
        child.send_signal(signal.SIGPROF)
        return ask(child, *question)

    try:
        monkeypatch.setattr(reader, "_ask", bitten)
        with pytest.raises(InputError, match="a structure that keeps the HDF5 library busy"):
            reader.read(str(path), Limits())
    finally:
        reader.close()


@pytest.mark.parametrize(("progress", "status"), [("watchdog.allow(0)", 0), ("pass", -27)])
def test_the_watchdog_lets_live_what_makes_progress(progress, status):
    code = f"""
import time
from axonc.toolchain.frontend.reader_child import Watchdog
watchdog, end = Watchdog(0.1), time.process_time() + 0.5
while time.process_time() < end:
    {progress}
watchdog.stop()
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == status
