"""Archives of arrays: equal to NumPy's own reading, and bounded where that is not."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from axonc.toolchain.files import ZippedArrays


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        archive = ZippedArrays(file, 1 << 33)
        return {name: archive.array(name) for name in archive}


def stored(path: Path, header: bytes, content: bytes = b"") -> Path:
    """Write an archive with one array of a header that NumPy would not write."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header + content)
    return path


def header(shape: tuple[int, ...], descr: object = "<f8") -> bytes:
    written = io.BytesIO()
    npy.write_array_header_1_0(written, {"descr": descr, "fortran_order": False, "shape": shape})
    return written.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_what_numpy_reads(save, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    written = {
        "bool": rng.random((3, 4)) < 0.5,
        "columns": np.asfortranarray(rng.random((3, 4, 5))),
        "big-endian": rng.integers(0, 99, 7).astype(">i4"),
        "half": rng.random(3).astype(np.float16),
        "empty": np.zeros((0, 3)),
        "scalar": np.array(3),
        "a/b": np.arange(1 << 20),
    }
    save(tmp_path / "a.npz", **written)
    read = arrays_of(tmp_path / "a.npz")
    assert read.keys() == written.keys()
    for name, array in read.items():
        assert np.array_equal(array, written[name])
        assert array.dtype == written[name].dtype.newbyteorder("=")
        assert array.flags.writeable


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        (header((10**12,)), r"shape \(1000000000000,\) in 0 bytes"),
        (header((1 << 62, 1 << 62)), "an array of shape"),
        (header((-1, -1)), "an array of shape"),
        (header((1,), "|O"), "an array of type object"),
        (header((1,), "<U9"), "an array of type <U9"),
        (header((1,), [("a", "<f8")]), "an array of type"),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((((", "damaged header"),
        (b"\x93NUMPY\x03\x00\x10\x00", r"version \(3, 0\)"),
        (b"garbage bytes of length", "magic string"),
        (b"", "EOF|expected 8 bytes"),
    ],
)
def test_headers_that_claim_what_is_not_there(head: bytes, fault: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=fault):
        arrays_of(stored(tmp_path / "a.npz", head))


def test_a_bomb_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("a.npy", "w") as file:
            file.write(header((300 << 20,), "|u1"))
            for _ in range(300):
                file.write(bytes(1 << 20))
    with pytest.raises(ValueError, match="more than the 268435456 allowed for its size"):
        arrays_of(tmp_path / "a.npz")


def test_a_list_of_a_million_entries_is_refused(tmp_path: Path) -> None:
    """Each takes over 500 bytes as an object."""
    stored(tmp_path / "a.npz", header((1,)), bytes(8))
    content = (tmp_path / "a.npz").read_bytes()
    start = content.index(b"PK\x01\x02")
    entry, end = content[start : content.index(b"PK\x05\x06")], content[-22:]
    entries = entry * 1_000_000
    end = end[:12] + len(entries).to_bytes(4, "little") + end[16:]
    (tmp_path / "a.npz").write_bytes(content[:start] + entries + end)
    del content, entries
    tracemalloc.start()
    with pytest.raises(ValueError, match="a list of entries of 51000000 bytes"):
        arrays_of(tmp_path / "a.npz")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_other_methods_of_compression_are_refused(tmp_path: Path) -> None:
    """LZMA takes as large a dictionary as the file asks for."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", header((0,)))
    with pytest.raises(ValueError, match="a compression method other than deflate"):
        arrays_of(tmp_path / "a.npz")


def test_booleans_are_0_or_1_whatever_is_stored(tmp_path: Path) -> None:
    stored(tmp_path / "a.npz", header((3,), "|b1"), bytes([0, 1, 77]))
    assert int(arrays_of(tmp_path / "a.npz")["a"].sum()) == 2
