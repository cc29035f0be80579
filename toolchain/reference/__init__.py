"""Reference executors: float for imported and discrete graphs, exact for integer graphs."""

from .execute import Progress, execute
from .linear import Real, linear_step
from .recording import Recording, Spikes, input_arrays

__all__ = ["Progress", "Real", "Recording", "Spikes", "execute", "input_arrays", "linear_step"]
