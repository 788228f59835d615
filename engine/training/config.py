"""Training configurations as data. A preset is a :class:`TrainingConfig`; a result file carries the one it used."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from engine.hashing.preprocess import FRAME_MARGIN


@dataclass(frozen=True)
class Augmentation:
    """Strengths of the random steps; probabilities are per picture.

    Attributes:
        shift: Largest shift of the frame, share of its side.
        zoom: Largest change of the frame's size, share.
        rotation: Largest rotation in degrees.
        spectrum: Probability of taking part of another picture's amplitude spectrum.
        spectrum_share: Largest share taken.
        erase: Probability of painting over a corner or border, where markers sit.
        degrade: Probability of each of blur, noise and JPEG.
        expose: How far gamma, contrast, brightness and CLAHE's clip limit are drawn around their usual values; 0 keeps
            those.
    """

    shift: float = 0.06
    zoom: float = 0.10
    rotation: float = 8.0
    spectrum: float = 0.1
    spectrum_share: float = 0.5
    erase: float = 0.3
    degrade: float = 0.15
    expose: float = 1.0


CALM = Augmentation(shift=0.02, zoom=0.03, rotation=2.0, spectrum=0.0, erase=0.0, degrade=0.0)


# What MATDH weighs: the names are those of ``engine.hashing.losses.LOSSES``, and of the terms on the network's own
# parts (``engine.training.objective``): ``reconstruction``, the mean squared error of the decoder's picture;
# ``classification``, the cross-entropy of a linear classifier on the feature; and what a teacher says:
# ``map_distillation``, ``feature_distillation`` and ``posterior_distillation``.
MATDH_WEIGHTS = {
    "feature_triplet": 0.005,
    "code_triplet": 0.05,
    "reconstruction": 0.02,
    "polarization": 1.0,
    "map_distillation": 1.0,
}
# Stored configurations name these even where they are off.
_STORED_TERMS = (
    *MATDH_WEIGHTS,
    "feature_distillation",
    "posterior_distillation",
    "classification",
    "squared_triplet",
    "contrastive",
    "quantization",
    "cauchy",
    "cauchy_quantization",
    "pairwise_likelihood",
    "balance",
    "cosine_margin",
)


@dataclass(frozen=True)
class ExpertConfig:
    """How the VGG-16s are fine-tuned that teach on every view; see ``engine.training.experts``. They end calmly, too.

    Attributes:
        count: How many, each with a seed of its own.
        epochs: Passes over as many pictures as the training split has.
        batch: Pictures a step.
        learning_rate: Peak rate of the ImageNet base.
        head_rate: Peak rate of the new classifier.
        weight_decay: Decoupled decay (AdamW).
        label_smoothing: Share of the probability that a picture's label gives to all classes.
        augmentation: Strengths of the random views.
    """

    count: int = 2
    epochs: int = 30
    batch: int = 48
    learning_rate: float = 3e-5
    head_rate: float = 1e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a run computes, besides the data.

    Attributes:
        task: Which pictures, which labels (``engine.datasets.TASKS``).
        start: Shipped method whose encoder is trained on, heads apart; empty for a random start.
        side: Input side in pixels.
        early_side: Side of the views in the first epochs: small views cost half and teach nearly as much.
        early_until: Share of the epochs with ``early_side``; 0 for none.
        frame_margin: Share of the lungs' box that is shown around it on every edge.
        epochs: Passes over as many pictures as the training split has.
        batch: Pictures a step.
        learning_rate: Peak of the one-cycle schedule.
        weight_decay: Decoupled decay (AdamW).
        margin: Triplet margin, paper A's m.
        mining: Which triplets of a batch count (``engine.hashing.losses.triplet_loss``).
        relaxation: What squashes the outputs for the triplets on codes: ``"tanh"`` or ``"sigmoid"``.
        targets: Codewords of the classes (``engine.hashing.losses.TARGETS``).
        weights: Weights of the loss terms by name; 0 or nothing switches one off.
        augmentation: Strengths of the random views.
        calm_from: Share of the epochs after which views are nearly plain and nothing is blended: the gallery is the
            training split, and a picture there is worth finding under its own class.
        averaging: Decay of the moving average of the weights, which is what is validated and shipped.
        encoder: Which encoder (``models.hashing.ENCODERS``).
        attentions: Attentions of the RCESA modules.
        enhanced: Whether CLAHE is applied to what the network sees.
        simulated: Simulated patients of each class that join the training pictures, from seeds that the built-in
            gallery does not use: a source that has every class, so that class and source come apart.
        simulated_from: Share of the epochs after which they join.
        mixup: Shape of the Beta distribution that blends pictures of a batch in pairs (Zhang et al., ICLR 2018); 0
            blends none. Only experts can say what is on a blend.
        taught: Whether the ImageNet VGG-16 teaches, where its file is at hand.
        experts: How the VGG-16s are fine-tuned that teach on every view; None for the frozen one, which saw every
            picture once.
        without_positives: Publisher whose positive pictures are left out of training; empty for none.
        without: Publisher whose pictures are all left out of training and validation; empty for none.
        balance: What batches are balanced over inside a label: ``"sources"`` or ``"origins"``.
        kept: Share of the start's weights in what is shipped, the rest being the run's: between the two lie networks
            that know the new pictures and have not forgotten the old ones (WiSE-FT, Wortsman et al., CVPR 2022).
        heads: Whose hash heads are shipped: those ``"trained"`` with the encoder, or ones ``"fitted"`` on its features
            without labels, for every share of ``engine.hashing.keeps``.
        validation: What selects the weights: ``"papers"`` asks validation pictures of the training split, ``"unseen"``
            asks them of one another, a picture's own group left out.
        validate_every: Epochs between validations.
        patience: Validations without a better score before the run stops.
        seed: Seed of weights, batches and views.
    """

    task: str = "covidx"
    start: str = ""
    side: int = 128
    early_side: int = 96
    early_until: float = 0.0
    frame_margin: float = FRAME_MARGIN
    epochs: int = 70
    batch: int = 32
    learning_rate: float = 3e-4
    weight_decay: float = 0.02
    margin: float = 0.2
    mining: str = "batch-all"
    relaxation: str = "tanh"
    targets: str = "hierarchical"
    weights: dict[str, float] = field(default_factory=lambda: dict(MATDH_WEIGHTS))
    augmentation: Augmentation = field(default_factory=Augmentation)
    calm_from: float = 1.0
    averaging: float = 0.99
    encoder: str = "rcesa"
    attentions: tuple[str, ...] = ("spatial", "channel")
    enhanced: bool = True
    simulated: int = 100
    simulated_from: float = 0.5
    mixup: float = 0.0
    taught: bool = True
    experts: ExpertConfig | None = None
    without_positives: str = ""
    without: str = ""
    balance: str = "sources"
    validation: str = "papers"
    kept: float = 0.0
    heads: str = "trained"
    validate_every: int = 3
    patience: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what nobody could teach.

        Raises:
            ValueError: Pictures are to be blended and there are no experts to look at the blends.
        """
        if self.mixup and self.experts is None:
            raise ValueError("mixup needs experts: a stored teacher never saw the blended pictures")

    def views_at(self, epoch: int) -> tuple[Augmentation, float]:
        """Return how strong the random steps are in an epoch, counted from 0, and how pictures are blended."""
        if epoch < self.calm_from * self.epochs:
            return self.augmentation, self.mixup
        return replace(CALM, expose=self.augmentation.expose), 0.0

    def side_at(self, epoch: int) -> int:
        """Return the side of the views in an epoch, counted from 0."""
        return self.early_side if epoch < self.early_until * self.epochs else self.side

    def as_dict(self) -> dict[str, object]:
        """Return the configuration as plain data for a result file."""
        return asdict(self) | {"weights": dict.fromkeys(_STORED_TERMS, 0.0) | self.weights}


# On COVIDx-open alone: forty minutes for all five code lengths on one core.
_COVIDX = TrainingConfig(
    frame_margin=0.12,
    epochs=70,
    weights=MATDH_WEIGHTS | {"feature_distillation": 1.0, "posterior_distillation": 0.25},
    calm_from=0.75,
    patience=22,
)

# What is shipped: the encoder of COVIDx-open goes on with pictures of many hospitals, 70 minutes on a core. One label
# comes from many hospitals, so batches are balanced over publishers, and weights are chosen by asking validation
# pictures of one another.
_CXR = TrainingConfig(
    task="cxr",
    start="matdh-covidx",
    side=160,
    early_side=128,
    early_until=0.4,
    frame_margin=0.12,
    epochs=54,
    learning_rate=2e-4,
    targets="orthogonal",
    weights=MATDH_WEIGHTS
    | {
        "reconstruction": 0.01,
        "map_distillation": 0.5,
        "feature_distillation": 1.0,
        "posterior_distillation": 0.25,
    },
    calm_from=0.8,
    averaging=0.995,
    simulated=0,
    balance="origins",
    validation="unseen",
    kept=0.3,
    heads="fitted",
    patience=99,
)

PRESETS: dict[str, TrainingConfig] = {
    "cpu": _CXR,
    "covidx": _COVIDX,
    # The same in brief, from weights that have seen no hospital: leaving each out takes a training.
    "left-out": replace(_CXR, start="", side=96, early_until=0.0, epochs=24, learning_rate=5e-4, kept=0.0),
    # For a GPU, some ten minutes: experts on every view, wider frames, and a calm end.
    "gpu": TrainingConfig(
        side=160,
        frame_margin=0.12,
        epochs=200,
        batch=96,
        learning_rate=6e-4,
        weights=MATDH_WEIGHTS
        | {
            "map_distillation": 0.5,
            "feature_distillation": 1.0,
            "posterior_distillation": 1.0,
            "reconstruction": 0.01,
        },
        calm_from=0.75,
        averaging=0.995,
        simulated=0,
        mixup=0.4,
        experts=ExpertConfig(),
        validate_every=10,
        patience=22,
    ),
    # Paper A section 4.1 and Eq. 8-9: 224 pixels, 30 epochs, batch 32, Adam at 1e-3, margin 0.2, random triplets on
    # feature and code, reconstruction, random crops and mirror images; no teacher and no class targets.
    "paper": TrainingConfig(
        side=224,
        frame_margin=0.12,
        epochs=30,
        learning_rate=1e-3,
        weight_decay=0.0,
        mining="random",
        weights={"feature_triplet": 1.0, "code_triplet": 1.0, "reconstruction": 1.0},
        augmentation=Augmentation(zoom=0.0, rotation=0.0, spectrum=0.0, erase=0.0, degrade=0.0, expose=0.0),
        simulated=0,
        taught=False,
        patience=22,
    ),
    # The preset covidx in brief, one budget for every ablation: all of them in an hour on two cores.
    "ablation": replace(_COVIDX, side=96, epochs=15, simulated=0),
    # One budget for MATDH and its baselines: the same pictures, views, epochs and seed, no teacher for anyone.
    "baselines": TrainingConfig(side=96, epochs=20, simulated=0, taught=False, validate_every=4, patience=20),
}

# Paper A section 4.5: what each variant changes, by the paper's name.
ABLATIONS: dict[str, dict[str, Any]] = {
    "MATDH": {},
    "NoEnhanced": {"enhanced": False},
    "AlexNet": {"encoder": "alexnet"},
    "ResNet34": {"encoder": "resnet34"},
    "CA": {"attentions": ("channel",)},
    "ESA": {"attentions": ("spatial",)},
    "NoDecoder": {"weights": _COVIDX.weights | {"reconstruction": 0.0}},
}

# Leave one publisher of positives out, and ask whether its positives are still found.
HOLDOUTS: dict[str, dict[str, Any]] = {
    "without cxnet": {"without_positives": "cxnet"},
    "without talo": {"without_positives": "talo"},
}
# Without what should keep a network from learning the hospital: the picture with neck, arms and borders instead of the
# lungs' frame, and no random exposure, spectra, patches, blur, noise or compression.
_UNGUARDED: dict[str, Any] = {
    "frame_margin": 0.4,
    "augmentation": Augmentation(spectrum=0.0, erase=0.0, degrade=0.0, expose=0.0),
}
UNGUARDED: dict[str, dict[str, Any]] = {
    "unguarded": _UNGUARDED,
    **{f"unguarded {name}": _UNGUARDED | change for name, change in HOLDOUTS.items()},
}
# The peak learning rates of which the validation split chooses one for every method of the comparison.
RATES: dict[str, dict[str, Any]] = {"slow": {"learning_rate": 3e-4}, "fast": {"learning_rate": 1e-3}}
# The shipped recipe without those who teach it.
UNTAUGHT: dict[str, dict[str, Any]] = {"NoExperts": {"experts": None, "mixup": 0.0, "taught": False}}
VARIANTS = ABLATIONS | HOLDOUTS | UNGUARDED | RATES | UNTAUGHT
# A variant's name begins so: without any picture of one source, from a random start, since the weights that the preset
# goes on from have seen them.
LEFT_OUT = "left out "


def changes_of(variant: str) -> dict[str, Any]:
    """Return what a variant changes in its preset.

    Args:
        variant: Name in ``VARIANTS``, or ``"left out "`` and the name of a source, which may be "nothing".

    Raises:
        KeyError: There is no such variant.

    Example:
        >>> changes_of("left out nih")
        {'without': 'nih', 'start': ''}
    """
    if variant.startswith(LEFT_OUT):
        return {"without": variant.removeprefix(LEFT_OUT), "start": ""}
    return VARIANTS[variant]
