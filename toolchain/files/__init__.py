"""Files: written whole or not at all, and read without trusting them."""

from .reading import FileKind
from .writing import make_folder, new_file, new_folder, scratch_folder, write_bytes, write_text
from .zipped import ZippedArrays

__all__ = [
    "FileKind",
    "ZippedArrays",
    "make_folder",
    "new_file",
    "new_folder",
    "scratch_folder",
    "write_bytes",
    "write_text",
]
