"""Reference executors: float for imported and discrete graphs, exact for integer graphs."""

from .execute import Progress, execute
from .linear import linear_step
from .recording import Recording, input_arrays

__all__ = ["Progress", "Recording", "execute", "input_arrays", "linear_step"]
