"""Turn pictures into binary codes with a trained network."""

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict

import numpy as np

from engine.artifacts import weights_path
from engine.errors import VaultError
from engine.files import file_sha256
from engine.hashing.codes import pack_bits
from engine.hashing.descriptors import describe_features
from engine.hashing.keeps import DEFAULT, KEEPS, head_name
from engine.hashing.methods import CODE_METHODS, METHODS
from engine.hashing.preprocess import FRAME_MARGIN, network_input
from engine.imaging.framing import frame_chest

if TYPE_CHECKING:
    from torch import Tensor

    from models.network import HashNetwork


def shipped_methods() -> tuple[str, ...]:
    """Return the methods that give codes and whose weights are here."""
    return tuple(method for method in CODE_METHODS if weights_path(method).exists())


class InputSpec(TypedDict):
    """What a network is shown of a picture; see :class:`Hasher`."""

    side: int
    enhanced: bool
    margin: float


class HasherError(VaultError):
    """A method, a code length or a weights file that cannot be used."""


class Hasher:
    """One trained network, asked for codes of one length.

    Args:
        network: The network in evaluation mode.
        bits: Code length; of no account where the network has no hash heads.
        side: Side of the network's input in pixels.
        enhanced: Whether the network was trained on pictures under CLAHE.
        margin: Share of the lungs' box that the network was shown around it on every edge.

    Example:
        >>> from models.matdh import MATDH
        >>> hasher = Hasher(MATDH().eval(), bits=48, side=64)
        >>> hasher.codes([np.zeros((80, 90), np.uint8)]).shape
        (1, 6)
    """

    def __init__(
        self, network: "HashNetwork", *, bits: int, side: int, enhanced: bool = True, margin: float = FRAME_MARGIN
    ) -> None:
        import torch

        lengths = sorted(int(name) for name in network.heads)
        if lengths and bits not in lengths:
            raise HasherError(f"{bits} bits have no hash head: choose one of {', '.join(map(str, lengths))}.")
        self.bits, self.side, self.enhanced, self.margin = bits, side, enhanced, margin
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = network.to(self.device)
        # What a store remembers of the encoder of its codes; a network that is not shipped has none.
        self.fingerprint = b""

    @classmethod
    def load(cls, bits: int = 48, method: str = "matdh", keeps: str = DEFAULT) -> Self:
        """Return the shipped hasher of ``method`` at ``bits``.

        The network is read once a process; hashers of different lengths share it.

        Args:
            bits: 16, 24, 32, 48 or 64.
            method: Name in ``engine.hashing.methods.METHODS``.
            keeps: What codes keep (``engine.hashing.keeps.KEEPS``); another than the default only where the method
                is shipped with heads for it.

        Raises:
            HasherError: Unknown method, length or share, or the weights file is missing or damaged.
        """
        if method not in METHODS:
            raise HasherError(f"There is no method {method!r}: choose one of {', '.join(METHODS)}.")
        network, spec = _shipped_network(method, keeps)
        hasher = cls(network, bits=bits, **spec)
        hasher.fingerprint = shipped_fingerprint(method, keeps)
        return hasher

    @property
    def lengths(self) -> tuple[int, ...]:
        """Code lengths the network has a head for."""
        return tuple(sorted(int(name) for name in self.network.heads))

    def frame(self, image: np.ndarray) -> np.ndarray:
        """Return the lungs of a picture as the network is shown them, ``(side, side)`` uint8, not yet enhanced."""
        return frame_chest(image, self.side, self.margin)

    def view(self, image: np.ndarray) -> np.ndarray:
        """Return the network's input for a picture, ``(side, side)`` float32."""
        return network_input(image, self.side, self.enhanced, self.margin)

    def codes(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Hash pictures (paper A Eq. 3-4: a bit is 1 where the hash layer's output is not negative).

        Args:
            images: ``(H, W)`` uint8 or uint16 chest X-rays, as decoded; sizes may differ.

        Returns:
            ``(N, bits // 8)`` uint8 packed codes.

        Raises:
            HasherError: The network has no hash heads.
        """
        self._check_heads()
        return pack_bits(self.outputs(images)[1][self.bits] >= 0)

    def describe(self, images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Hash pictures, and say what else the network saw of them.

        Args:
            images: As for :meth:`codes`.

        Returns:
            Packed codes ``(N, bits // 8)`` uint8, and descriptors ``(N, 64)`` int8 that tell pictures of one code
            apart (``engine.hashing.descriptors``).

        Raises:
            HasherError: The network has no hash heads.
        """
        self._check_heads()
        features, outputs = self.outputs(images)
        return pack_bits(outputs[self.bits] >= 0), describe_features(features)

    def features(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return the features under the hash layer, ``(N, 1000)`` float32 for MATDH."""
        return self.outputs(images)[0]

    def outputs(self, images: Sequence[np.ndarray], batch: int = 32) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        """Return what the network says of pictures, before thresholding.

        Args:
            images: ``(H, W)`` uint8 or uint16 chest X-rays, as decoded.
            batch: Pictures at once.

        Returns:
            Features ``(N, F)`` float32, F = 1000 for MATDH, and, for every code length, hash-layer outputs
            ``(N, bits)`` float32.
        """
        inputs = [self.view(image) for image in images]
        return self.outputs_of_inputs(np.array(inputs, np.float32).reshape(-1, self.side, self.side), batch)

    def outputs_of_inputs(self, inputs: np.ndarray, batch: int = 32) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        """As :meth:`outputs`, for ``(N, side, side)`` float32 pictures that went through :meth:`view`."""
        import torch

        features = [np.empty((0, self.network.feature_size), np.float32)]
        logits = {bits: [np.empty((0, bits), np.float32)] for bits in self.lengths}
        for start in range(0, len(inputs), batch):
            chunk = torch.from_numpy(inputs[start : start + batch])[:, None].to(self.device)
            with torch.inference_mode():
                feature, heads = self.network(chunk)
            features.append(_to_numpy(feature))
            for bits, head in heads.items():
                logits[bits].append(_to_numpy(head))
        return np.concatenate(features), {bits: np.concatenate(rows) for bits, rows in logits.items()}

    def _check_heads(self) -> None:
        if not self.lengths:
            raise HasherError("This network gives no bits: rank pictures by the distance of its features.")


def _to_numpy(values: "Tensor") -> np.ndarray:
    return values.float().cpu().numpy()


@contextmanager
def reading_weights(path: Path, refuse: type[VaultError]) -> Iterator[None]:
    """Say in a sentence that a weights file, or its card, is damaged or another network's, whatever its readers say.

    Args:
        path: What is read.
        refuse: Class of the error.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise refuse(f"The weights {path.name} are damaged or another network's: fetch the file again.") from error


def shipped_input_spec(method: str = "matdh") -> InputSpec:
    """Return what the shipped network of ``method`` is shown of a picture, without reading the network.

    Raises:
        HasherError: The weights file is missing or damaged.

    Example:
        >>> sorted(shipped_input_spec("dpn"))
        ['enhanced', 'margin', 'side']
    """
    from safetensors import safe_open

    path = _weights_of(method)
    with reading_weights(path, HasherError):
        with safe_open(path, framework="numpy") as stored:
            facts = stored.metadata()
        return {
            "side": int(facts["side"]),
            "enhanced": facts.get("enhanced", "True") == "True",
            "margin": float(facts.get("margin", FRAME_MARGIN)),
        }


def _weights_of(method: str) -> Path:
    path = weights_path(method)
    if not path.exists():
        preset = "gpu" if method == "matdh" else "baselines"
        raise HasherError(
            f"The weights {path.name} are not here: run `python -m engine train {method} --preset {preset} --ship` to "
            "make them."
        )
    return path


@functools.cache
def shipped_fingerprint(method: str = "matdh", keeps: str = DEFAULT) -> bytes:
    """Return what a store remembers of the shipped weights and heads that made its codes: 32 bytes.

    Raises:
        HasherError: The weights file is missing.
    """
    return hashlib.sha256(f"{file_sha256(_weights_of(method))} {keeps}".encode()).digest()


def shipped_hasher(bits: int, made: Callable[[bytes], bool]) -> Hasher:
    """Return the shipped hasher that made a gallery's codes, whatever they keep.

    Args:
        bits: Code length of the gallery.
        made: Tells of a fingerprint whether it is that of the gallery's codes.

    Returns:
        That hasher; the default one if it is none of them.
    """
    keeps = next((name for name in KEEPS if made(shipped_fingerprint(keeps=name))), DEFAULT)
    return Hasher.load(bits, keeps=keeps)


def _chosen_heads(state: "dict[str, Tensor]", keeps: str, method: str) -> "dict[str, Tensor]":
    """Return a network's weights with the heads of one share, those of the others left out."""
    own = {name: value for name, value in state.items() if not name.startswith("keeps.")}
    if keeps == DEFAULT:
        return own
    prefix = head_name(keeps, 0).removesuffix("0")
    chosen = {f"heads.{name.removeprefix(prefix)}": v for name, v in state.items() if name.startswith(prefix)}
    if not chosen:
        raise HasherError(f"{method} has no hash heads that keep {keeps!r}: leave it at {DEFAULT!r}.")
    return own | chosen


@functools.cache
def _shipped_network(method: str, keeps: str = DEFAULT) -> tuple["HashNetwork", InputSpec]:
    """Read ``models/weights/<method>.safetensors``; its metadata names the encoder and what it sees."""
    if keeps != DEFAULT:
        return _other_heads(method, keeps)
    import torch
    from safetensors import safe_open

    from models.hashing import build_network

    path = _weights_of(method)
    spec = shipped_input_spec(method)
    with reading_weights(path, HasherError):
        with safe_open(path, framework="pt") as stored:
            facts = stored.metadata()
            state = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a dict
        network = build_network(facts.get("encoder", "rcesa"))
        # Batch normalisation counts its batches in int64; everything else was rounded to fp16 for the repository.
        whole = {k: v.float() if v.dtype == torch.float16 else v for k, v in state.items()}
        network.load_state_dict(_chosen_heads(whole, keeps, method))
    network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, spec


def _other_heads(method: str, keeps: str) -> tuple["HashNetwork", InputSpec]:
    """Return a method's network with the heads of another share; the encoder is the same one, held once."""
    import copy

    from safetensors import safe_open

    default, spec = _shipped_network(method, DEFAULT)
    path = _weights_of(method)
    with reading_weights(path, HasherError):
        with safe_open(path, framework="pt") as stored:
            state = {name: stored.get_tensor(name).float() for name in stored.keys() if name.startswith("keeps.")}  # noqa: SIM118 - not a dict
        heads = copy.deepcopy(default.heads)
        chosen = _chosen_heads(state, keeps, method)
        heads.load_state_dict({name.removeprefix("heads."): value for name, value in chosen.items()})
    network = copy.copy(default)
    network._modules = default._modules | {"heads": heads}
    return network, spec
