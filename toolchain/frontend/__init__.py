"""The front end: NIR graphs in, from files or objects, checked, their dialect made explicit."""

from .dialects import DialectOptions
from .load import load_graph
from .raw import Limits

__all__ = ["DialectOptions", "Limits", "load_graph"]
