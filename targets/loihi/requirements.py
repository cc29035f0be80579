"""What the engines need: pinned packages, and the versions of Python that they were tested with.

lava-nc 0.10.0, the last release, requires Python 3.10 and numpy below 2. On Python 3.11 and 3.12 it
runs after a one-line repair that the worker makes in memory. For 3.13 there is no such numpy.
lava-dl 0.6.0 requires Python 3.10 and torch 2.3 with its CUDA libraries (5.6 GB), so its
environment is made only on request.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Environment:
    """What an engine needs: pinned requirements, the first its own package, and a Python.

    variable: the environment variable that may name a Python, one to make the environment with, or
    one that has the engine already. made_silently: whether the first run may make it.
    """

    engine: str
    title: str
    requirements: tuple[str, ...]
    supported: tuple[tuple[int, int], ...]
    worker: Path
    made_silently: bool
    size: str

    @property
    def variable(self) -> str:
        """The environment variable that may name a Python."""
        return f"AXONC_{self.engine.upper()}_PYTHON"

    @property
    def pythons(self) -> str:
        """The supported versions of Python, as text."""
        *most, last = (f"{major}.{minor}" for major, minor in self.supported)
        return f"{', '.join(most)} or {last}" if most else last

    @property
    def remedy(self) -> str:
        """What to do where no supported Python is found."""
        return (
            f"install Python {self.pythons}, name it in {self.variable}, "
            f"and run `axonc doctor --install {self.engine}`"
        )

    @property
    def command(self) -> str:
        """The command that makes it."""
        return f"`axonc doctor --install {self.engine}` makes it ({self.size})"


_LAVA = (
    "lava-nc==0.10.0",
    "numpy==1.26.4",
    "scipy==1.15.3",
    "networkx==2.8.7",
    "asteval==0.9.33",
    "scikit-learn==1.7.2",
    "joblib==1.6.0",
    "threadpoolctl==3.8.0",
    "cloudpickle==3.1.2",
)
_TORCH = (
    "torch==2.3.1",
    "torchvision==0.18.1",
    "triton==2.3.1",
    "filelock==4.1.0",
    "fsspec==2026.9.0",
    "Jinja2==3.1.6",
    "MarkupSafe==3.0.4",
    "mpmath==1.3.0",
    "sympy==1.14.0",
    "typing_extensions==4.16.0",
    "nvidia-cublas-cu12==12.1.3.1",
    "nvidia-cuda-cupti-cu12==12.1.105",
    "nvidia-cuda-nvrtc-cu12==12.1.105",
    "nvidia-cuda-runtime-cu12==12.1.105",
    "nvidia-cudnn-cu12==8.9.2.26",
    "nvidia-cufft-cu12==11.0.2.54",
    "nvidia-curand-cu12==10.3.2.106",
    "nvidia-cusolver-cu12==11.4.5.107",
    "nvidia-cusparse-cu12==12.1.0.106",
    "nvidia-nccl-cu12==2.20.5",
    "nvidia-nvjitlink-cu12==12.9.86",
    "nvidia-nvtx-cu12==12.1.105",
)
_NETX = (
    "lava-dl==0.6.0",
    *_LAVA,
    *_TORCH,
    "h5py==3.16.0",
    "matplotlib==3.10.9",
    "pillow==10.4.0",
    "opencv-python-headless==4.11.0.86",
    "contourpy==1.3.2",
    "cycler==0.12.1",
    "fonttools==4.65.0",
    "kiwisolver==1.5.1",
    "packaging==26.3",
    "pyparsing==3.3.3",
    "python-dateutil==3.0.0",
    "six==1.17.0",
    "ninja==1.13.2",
    "tzdata==2026.6",
    "setuptools==65.5.0",
)

LAVA = Environment(
    "lava",
    "Lava",
    _LAVA,
    ((3, 10), (3, 11), (3, 12)),
    Path(__file__).with_name("_lava_worker.py"),
    made_silently=True,
    size="0.4 GB",
)
"""The whole set was tested on Python 3.10, 3.11 and 3.12."""
NETX = Environment(
    "netx",
    "netx",
    _NETX,
    ((3, 10),),
    Path(__file__).with_name("_netx_worker.py"),
    made_silently=False,
    size="5.6 GB",
)
"""lava-dl's netx; the whole set was tested on Python 3.10."""
