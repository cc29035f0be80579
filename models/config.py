"""The settings of a training run, and their TOML file.

A file has one table per group below; what it leaves out keeps its default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from . import _toml, presets
from .errors import TrainingInputError
from .methods.adali import AdaLiConfig
from .methods.agmm import GateConfig
from .nn.binarize import WeightScale


class Augmentation(StrEnum):
    """What is done to training images before they are encoded."""

    NONE = "none"
    SHIFT = "shift"
    """up to 2 pixels each way, the border filled with 0."""
    CROP_FLIP = "crop-flip"
    """crop from a border of 4 pixels, and a horizontal flip half of the time."""
    ROLL_FLIP = "roll-flip"
    """for event frames: a flip half of the time, rolled by up to 5 pixels each way."""
    RESIZED_CROP_FLIP = "resized-crop-flip"
    """a part of the image scaled back to its size, and a flip: ImageNet's usual one."""
    CUTOUT = "cutout"
    """crop-flip, then a square of half the side blanked."""
    AUTOAUGMENT = "autoaugment"
    """crop-flip, then AutoAugment's CIFAR-10 policy."""
    AUTOAUGMENT_CUTOUT = "autoaugment-cutout"
    """crop-flip, AutoAugment, Cutout."""


class Channels(StrEnum):
    """Where the images of a .npz file have their channels (see `archive`)."""

    AUTO = "auto"
    FIRST = "first"
    LAST = "last"


class Encoding(StrEnum):
    """How an image becomes spikes (see `encoders`)."""

    BERNOULLI = "bernoulli"
    LATENCY = "latency"
    DELTA = "delta"
    DIRECT = "direct"
    EVENTS = "events"


class Shortcut(StrEnum):
    """What a residual network's shortcuts carry (see `resnet`)."""

    CURRENT = "current"
    SPIKE = "spike"


class NeuronKind(StrEnum):
    """The neuron model (see `neurons`)."""

    LIF = "lif"
    PLIF = "plif"
    IF = "if"


class Reset(StrEnum):
    """What a spike leaves behind: v_reset, or the potential less the threshold."""

    HARD = "hard"
    SOFT = "soft"


class SurrogateKind(StrEnum):
    """The gradient of a spike (see `surrogates`, `mpd_agl`, `adali`)."""

    TRIANGLE = "triangle"
    RECTANGLE = "rectangle"
    SUPERSPIKE = "superspike"
    SIGMOID = "sigmoid"
    STRAIGHT_THROUGH = "straight-through"
    MPD_AGL = "mpd-agl"
    MEASURED = "measured"
    """MPD-AGL's rectangle with widths from the potentials themselves."""
    ADALI = "adali"


class OptimizerKind(StrEnum):
    """The rule that moves the weights."""

    SGD = "sgd"
    ADAM = "adam"
    BSO = "bso"
    """sign flips for binary weights (see `bso`), SGD for all other parameters."""


class Precision(StrEnum):
    """What synapses multiply in while a network trains (see `forward`)."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


@dataclass(frozen=True)
class DataConfig:
    """name: the data set (see `data`). path: its files, where it is not part of a package; of
    the data set python, FILE.py:NAME.

    validation: training images held out to choose by; never trained on.
    train_limit: use only so many training images (0: all).
    split_seed: of the shuffle that makes the splits.
    side: pixels an image folder's images are cut and scaled to, or an event camera's are binned
        to, both ways (0: as recorded).
    bins: event frames a recording is cut into; with the events encoder, the time steps.
    channels: of the data set npz, which axis of its images they are.
    """

    name: str = "mnist5k"
    path: str = ""
    validation: int = 400
    train_limit: int = 0
    split_seed: int = 0
    augmentation: Augmentation = Augmentation.NONE
    side: int = 0
    bins: int = 10
    channels: Channels = field(default=Channels.AUTO, metadata=_toml.LATER)


@dataclass(frozen=True)
class EncoderConfig:
    """steps: time steps of one presentation. threshold: of the delta encoder."""

    kind: Encoding = Encoding.BERNOULLI
    steps: int = 8
    threshold: float = 0.1


@dataclass(frozen=True)
class NetworkConfig:
    """architecture: a name of `networks`.

    hidden: widths of fully connected layers, of mlp and conv. channels: of conv's convolutions.

    binary_ends: make the first and last layers binary too, so that nothing stays floating point.
    binary: False gives floating-point weights everywhere, the full-precision baseline.
    spike_readout: count output spikes; False averages the output currents over time.
    shortcut: of residual networks. dropout: in front of fully connected layers.
    """

    architecture: str = "mlp"
    hidden: tuple[int, ...] = (512, 512)
    channels: tuple[int, ...] = (24, 48)
    binary_ends: bool = True
    binary: bool = True
    weight_scale: WeightScale = WeightScale.NONE
    spike_readout: bool = True
    shortcut: Shortcut = Shortcut.CURRENT
    dropout: float = 0.0


@dataclass(frozen=True)
class NeuronConfig:
    """dt_s, tau_s: seconds. threshold: in norse's convention, where input is multiplied by dt/tau.

    tdbn: scale BatchNorm by the threshold that a neuron without the factor dt/tau would have,
    threshold * tau/dt. detach_reset: no gradient through the reset.
    """

    kind: NeuronKind = NeuronKind.LIF
    dt_s: float = 1e-3
    tau_s: float = 2e-3
    threshold: float = 0.25
    reset: Reset = Reset.HARD
    detach_reset: bool = False
    tdbn: bool = False

    @property
    def k(self) -> float:
        """The factor of the input: dt/tau, or 1 without a leak."""
        return 1.0 if self.kind is NeuronKind.IF else self.dt_s / self.tau_s


@dataclass(frozen=True)
class SurrogateConfig:
    """width: of triangle and rectangle, in units of potential. slope: of superspike and sigmoid."""

    kind: SurrogateKind = SurrogateKind.TRIANGLE
    width: float = 0.5
    slope: float = 4.0


@dataclass(frozen=True)
class OptimizerConfig:
    """learning_rate falls to 0 along a half cosine over the run (cosine=False: stays).

    mse_share: of the mean squared error to the one-hot label in the loss, 0..1; the rest is
    cross-entropy.
    """

    kind: OptimizerKind = OptimizerKind.SGD
    learning_rate: float = 0.3
    momentum: float = 0.9
    weight_decay: float = 0.0
    cosine: bool = True
    mse_share: float = 0.0
    label_smoothing: float = 0.0


@dataclass(frozen=True)
class BSOConfig:
    """gamma: flip threshold. beta1, beta2: running means. adaptive: T-BSO. See `bso`.

    fall_epochs: gamma, 1 - beta1 and 1 - beta2 fall to a tenth after so many epochs, again and
    again (0: never).
    """

    gamma: float = 5e-7
    beta1: float = 0.999
    beta2: float = 0.99999
    adaptive: bool = True
    fall_epochs: int = field(default=0, metadata=_toml.LATER)


@dataclass(frozen=True)
class TrainingConfig:
    """All settings of a run; two runs of equal settings give equal weights on one machine.

    accumulate: parts that a batch is computed in, one after the other, to save memory. BatchNorm
    and the gate then average over a part.
    precision: of the synapses' products in training; evaluation is in float32.
    compile: build the training step with torch.compile.
    """

    seed: int = 0
    epochs: int = 20
    batch_size: int = 100
    accumulate: int = 1
    precision: Precision = field(default=Precision.FLOAT32, metadata=_toml.LATER)
    compile: bool = field(default=False, metadata=_toml.LATER)
    data: DataConfig = field(default_factory=DataConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    neuron: NeuronConfig = field(default_factory=NeuronConfig)
    surrogate: SurrogateConfig = field(default_factory=SurrogateConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    adali: AdaLiConfig = field(default_factory=AdaLiConfig)
    bso: BSOConfig = field(default_factory=BSOConfig)

    def __post_init__(self) -> None:
        for name, value in (
            ("epochs", self.epochs),
            ("batch_size", self.batch_size),
            ("accumulate", self.accumulate),
            ("data.bins", self.data.bins),
            ("encoder.steps", self.encoder.steps),
            ("neuron.dt_s", self.neuron.dt_s),
            ("neuron.tau_s", self.neuron.tau_s),
            ("neuron.threshold", self.neuron.threshold),
            ("surrogate.width", self.surrogate.width),
            ("surrogate.slope", self.surrogate.slope),
            ("optimizer.learning_rate", self.optimizer.learning_rate),
            *(
                (f"adali.{side}", value)
                for side in ("left", "right")
                for value in self._sides(side)
            ),
        ):
            _toml.require_positive(name, value)
        self._require_ranges()
        if self.neuron.kind is not NeuronKind.IF:
            self._require_leak()
        if self.encoder.steps == 1 and self.batch_size // self.accumulate < 2:
            raise TrainingInputError(
                "setting batch_size",
                got=f"{self.batch_size}, in {self.accumulate} parts, with encoder.steps = 1",
                expected="two samples a part or more: BatchNorm needs two values a neuron",
                remedy="raise batch_size or encoder.steps, or lower accumulate",
            )

    def _require_ranges(self) -> None:
        """Refuse numbers outside [least, most], or [least, most) where most is open."""
        endless = float("inf")
        for name, values, least, most, is_open in (
            ("seed", self.seed, 0, 2**63, True),
            ("data.side", self.data.side, 0, 1 << 14, False),
            ("data.train_limit", self.data.train_limit, 0, endless, True),
            ("data.split_seed", self.data.split_seed, 0, endless, True),
            ("encoder.threshold", self.encoder.threshold, 0, endless, True),
            ("network.hidden", self.network.hidden, 1, 1 << 24, False),
            ("network.channels", self.network.channels, 1, 1 << 24, False),
            ("network.dropout", self.network.dropout, 0, 1, True),
            ("gate.momentum", self.gate.momentum, 0, 1, False),
            ("optimizer.learning_rate", self.optimizer.learning_rate, 0, 1e20, False),
            ("optimizer.momentum", self.optimizer.momentum, 0, 1, True),
            ("optimizer.weight_decay", self.optimizer.weight_decay, 0, 1e6, False),
            ("optimizer.mse_share", self.optimizer.mse_share, 0, 1, False),
            ("optimizer.label_smoothing", self.optimizer.label_smoothing, 0, 1, True),
            ("bso.gamma", self.bso.gamma, 0, endless, True),
            ("bso.beta1", self.bso.beta1, 0, 1, True),
            ("bso.beta2", self.bso.beta2, 0, 1, True),
            ("bso.fall_epochs", self.bso.fall_epochs, 0, endless, True),
        ):
            for value in values if isinstance(values, tuple) else (values,):
                if least <= value < most or (value == most and not is_open):
                    continue
                until = "below" if is_open else "to"
                upwards = "" if most == endless else f" {until} {most:g}"
                raise TrainingInputError(
                    f"setting {name}",
                    got=str(value),
                    expected=f"a number from {least}{upwards}",
                    remedy="correct it",
                )

    def _require_leak(self) -> None:
        """Refuse a time constant of a time step or less, where what is kept would turn its sign."""
        learned = self.neuron.kind is NeuronKind.PLIF
        if self.neuron.tau_s < self.neuron.dt_s or (
            learned and self.neuron.tau_s == self.neuron.dt_s
        ):
            raise TrainingInputError(
                "setting neuron.tau_s",
                got=f"{self.neuron.tau_s} with neuron.dt_s = {self.neuron.dt_s}",
                expected="more than dt_s" if learned else "dt_s or more",
                remedy="raise tau_s, or lower dt_s",
            )

    def _sides(self, side: str) -> tuple[float, ...]:
        boundaries: tuple[float, ...] = getattr(self.adali, side)
        if len(boundaries) != 2:
            raise TrainingInputError(
                f"setting adali.{side}",
                got=f"{len(boundaries)} numbers",
                expected="two, [largest, smallest]",
                remedy="give the boundary of the first and of the last epoch",
            )
        return boundaries

    @classmethod
    def demo(cls, seed: int = 0) -> TrainingConfig:
        """Return the settings of `axonc demo`: a fully binary MLP on 4,000 handwritten digits."""
        return cls(
            seed=seed,
            epochs=24,
            data=DataConfig(augmentation=Augmentation.SHIFT),
            optimizer=OptimizerConfig(learning_rate=2.0),
        )

    @classmethod
    def from_toml(cls, path: str | Path) -> TrainingConfig:
        """Read settings from a TOML file; an unknown key is an error that suggests the nearest."""
        return _toml.read(cls, Path(path))

    @classmethod
    def from_text(cls, text: str, what: str = "settings") -> TrainingConfig:
        """Read settings from the text of a TOML file."""
        return _toml.parse(cls, text, what)

    @classmethod
    def preset(cls, name: str) -> TrainingConfig:
        """Return settings that come with axonc, named DATA-NETWORK-METHOD, as in `presets`."""
        return cls.from_toml(presets.path(name))

    def to_toml(self) -> str:
        """Write all settings as the text of a TOML file; `from_text` gives them back."""
        return _toml.write(self)
