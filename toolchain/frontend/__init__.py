"""The front end: NIR graphs in, from files or objects, checked, their dialect made explicit."""

from .dialects import DialectOptions
from .load import load_graph
from .raw import Limits, RawNode
from .reader_process import read_tree

__all__ = ["DialectOptions", "Limits", "RawNode", "load_graph", "read_tree"]
