"""Why are these two alike? The agreement of two codes, split over the regions of a picture.

The hash layer's output is linear in the average-pooled last map of the encoder, so it is the mean of what every
position of that map says on its own, and so is the agreement with another picture's code. This is class activation
mapping (Zhou et al., CVPR 2016) with the other code in the place of a class, and it is exact: the map sums to the
similarity, nothing is left over. The map is as fine as the last map, a cell for every 32 pixels of the input.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engine.hashing.preprocess import prepare_frame

if TYPE_CHECKING:
    from engine.hashing.hasher import Hasher


@dataclass(frozen=True)
class SimilarityMap:
    """Where one picture resembles another.

    Attributes:
        similarity: Agreement of the picture's hash-layer output with the other's code, -1..1; 1 when the codes are
            equal. Each bit counts by how sure the network is of it.
        contributions: ``(h, w)`` float32, what each region adds; sums to ``similarity``. Negative regions speak for
            other bits than the other picture has.
        picture: ``(side, side)`` uint8, the framed picture that the network looked at.
    """

    similarity: float
    contributions: np.ndarray
    picture: np.ndarray

    @property
    def heat(self) -> np.ndarray:
        """The contributions spread over ``picture``: ``(side, side)`` float32 with the same sum."""
        side = len(self.picture)
        cells = side // len(self.contributions)
        # Between pixel centres bilinear weights of a whole factor add up to its square for every cell, edges too.
        return cv2.resize(self.contributions, (side, side), interpolation=cv2.INTER_LINEAR) / cells**2


def similarity_maps(hasher: "Hasher", first: np.ndarray, second: np.ndarray) -> tuple[SimilarityMap, SimilarityMap]:
    """Explain the agreement of two pictures' codes, in both directions.

    Args:
        hasher: The network; ``hasher.bits`` chooses the code.
        first: ``(H, W)`` uint8 or uint16 chest X-ray as decoded.
        second: Likewise.

    Returns:
        Where ``first`` resembles ``second``, and where ``second`` resembles ``first``.

    Example:
        >>> from engine.hashing import Hasher
        >>> from models.matdh import MATDH
        >>> picture = np.arange(6400, dtype=np.uint16).reshape(80, 80)
        >>> maps = similarity_maps(Hasher(MATDH().eval(), bits=48, side=64), picture, picture)
        >>> [round(float(m.contributions.sum()), 4) for m in maps]
        [1.0, 1.0]
    """
    frames = [hasher.frame(image) for image in (first, second)]
    outputs = position_outputs(hasher, np.stack([prepare_frame(frame, hasher.enhanced) for frame in frames]))
    signs = [np.where(output.mean(axis=(1, 2)) >= 0, 1.0, -1.0) for output in outputs]
    here, there = (
        SimilarityMap(float(contributions.sum()), contributions, frame)
        for contributions, frame in zip(
            (split_agreement(outputs[0], signs[1]), split_agreement(outputs[1], signs[0])), frames, strict=True
        )
    )
    return here, there


def split_agreement(outputs: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Split the agreement of a hash-layer output with a code over positions.

    With ``u`` the mean of ``outputs`` over positions and ``b`` the code, the agreement is
    ``sum_k u_k b_k / sum_k |u_k|``; a position's part is the same with its own ``u`` in the numerator, divided by the
    number of positions.

    Args:
        outputs: ``(bits, h, w)`` float, see :func:`position_outputs`.
        signs: ``(bits,)`` of -1 and +1.

    Returns:
        ``(h, w)`` float32.

    Example:
        >>> split_agreement(np.array([[[2.0, 0.0]], [[0.0, 2.0]]]), np.array([1.0, -1.0])).tolist()
        [[0.5, -0.5]]
    """
    certainty = np.abs(outputs.mean(axis=(1, 2))).sum()
    agreement = np.einsum("khw,k->hw", outputs, signs) / outputs[0].size
    return (agreement / max(certainty, 1e-12)).astype(np.float32)


def position_outputs(hasher: "Hasher", inputs: np.ndarray) -> np.ndarray:
    """Return the hash-layer output of every position of the encoder's last map.

    Args:
        hasher: The network.
        inputs: ``(N, side, side)`` float32 pictures that went through ``network_input``.

    Returns:
        ``(N, bits, h, w)`` float64; its mean over positions is what ``Hasher.outputs`` returns.
    """
    import torch

    with torch.inference_mode():
        last = hasher.network.encoder(torch.from_numpy(inputs)[:, None].to(hasher.device))[-1].float()
        count, width, rows, columns = last.shape
        # A position on its own is a map of one cell, whose average is itself.
        positions = last.permute(0, 2, 3, 1).reshape(-1, width, 1, 1)
        outputs = hasher.network.hash(positions)[1][hasher.bits]
    return outputs.double().cpu().numpy().reshape(count, rows, columns, -1).transpose(0, 3, 1, 2)
