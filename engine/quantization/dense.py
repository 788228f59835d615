"""Dense layers on int8 kernels, at fixed scales, between layers that compute in float."""

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.quantization.kernels import has_instructions
from engine.quantization.observers import scale_of, thresholds, to_int8
from engine.quantization.static import ACTIVATION_MAX

# How activations become bytes: the step between two levels, and the level that stands for 0.
Grid = tuple[float, int]
# Rows up to which a kernel that starts at once beats one that is faster when it runs: three pictures of 65 tokens.
FEW_ROWS = 200


def are_few(x: Tensor) -> bool:
    """Whether ``(..., K)`` has so few rows that what a kernel costs is mostly its start."""
    return x.shape[:-1].numel() <= FEW_ROWS and has_instructions("avx512_vnni")


@torch.jit.script
def _onednn(
    x: Tensor,
    scale: float,
    zero: int,
    weights: Tensor,
    steps: Tensor,
    zeros: Tensor,
    bias: Tensor | None,
    to_scale: float,
    to_zero: int,
    dtype: int,
    activation: str,
    algorithm: str,
) -> Tensor:
    # Scripted, because the tracer cannot record the kernel's list of options.
    return torch.ops.onednn.qlinear_pointwise(
        x, scale, zero, weights, steps, zeros, bias, to_scale, to_zero, dtype, activation, [], algorithm
    )


class Int8Dense(nn.Module):
    """A dense layer in int8: weights per output channel, what it is given on one grid.

    Two of torch's kernels do the work. oneDNN's is the faster one, and takes in GELU and the rounding of its result;
    fbgemm's rounds what it is given by itself and starts sooner, which is what counts for a single picture. It has
    a level more between two of the grid's, and the same range.

    Args:
        layer: The layer to take the place of; a convolution stands for its filters, channels last.
        grid: How its input becomes bytes.
        gelu: Applied to what the layer computes.
        output: How the result becomes bytes, where the next layer takes bytes; None to return float.

    Shape: ``(..., K)`` float32, or uint8 on the grid -> ``(..., N)`` float, or uint8 on ``output``.

    Example:
        >>> layer = Int8Dense(nn.Linear(3, 2), (1 / 63, 64))
        >>> layer.stored.dtype, layer(torch.zeros(4, 3)).shape
        (torch.int8, torch.Size([4, 2]))
    """

    def __init__(
        self, layer: nn.Linear | nn.Conv2d, grid: Grid, gelu: nn.GELU | None = None, output: Grid | None = None
    ) -> None:
        super().__init__()
        filters = layer.weight.detach()
        weight = (filters.permute(0, 2, 3, 1).flatten(1) if filters.dim() == 4 else filters).numpy()
        scale = scale_of(thresholds(weight, "max", "channel"))
        self.stored = nn.Buffer(torch.from_numpy(to_int8(weight, scale)))
        self.scale = nn.Buffer(torch.from_numpy(scale))
        self.bias = None if layer.bias is None else nn.Buffer(layer.bias.detach().clone())
        self.grid, self.gelu, self.output = grid, gelu, output
        # Conversion to integers cuts decimals off: half a level more rounds.
        self.zero = nn.Buffer(torch.tensor(grid[1] + 0.5), persistent=False)
        self.zeros = nn.Buffer(torch.zeros(len(scale), dtype=torch.int32), persistent=False)
        self.packed = nn.Buffer(torch.ops.onednn.qlinear_prepack(self.stored, None), persistent=False)
        self.packed_for_few = torch.ops.quantized.linear_prepack(self._tensor(), self.bias)

    def _tensor(self) -> Tensor:
        """Return the weights as fbgemm packs them."""
        exact = self.stored * self.scale[:, None]
        with warnings.catch_warnings():
            # torch announces another package for later versions; the pinned one has these kernels.
            warnings.simplefilter("ignore")
            return torch.quantize_per_channel(exact, self.scale.double(), self.zeros.long(), 0, torch.qint8)

    def rounded(self, x: Tensor) -> Tensor:
        """Return ``x`` as bytes: uint8 on the layer's grid."""
        if x.dtype == torch.uint8:
            return x
        levels = torch.add(self.zero, x, alpha=1 / self.grid[0]).clamp_(0, ACTIVATION_MAX)
        # By way of int16: torch has no fast conversion of float to uint8.
        return levels.to(torch.int16).to(torch.uint8)

    def forward(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return what the layer makes of ``x``, in ``dtype`` where it is float and rows are many."""
        scale, zero = self.grid
        if x.dtype == torch.float32 and are_few(x):
            run = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32
            made = run(x, scale / 2, 2 * zero, self.packed_for_few)
            return self.gelu(made) if self.gelu else made
        to, dtype = (self.output, torch.uint8) if self.output else ((1.0, 0), dtype)
        activation = ("gelu", self.gelu.approximate) if self.gelu else ("none", "none")
        return _onednn(
            self.rounded(x), scale, zero, self.packed, self.scale, self.zeros, self.bias, *to, dtype, *activation
        )


class Int8Patches(nn.Module):
    """A convolution whose stride is its kernel's side, as an int8 dense layer on patches.

    Args:
        layer: The convolution to take the place of.
        grid: How its input becomes bytes.

    Shape: that of ``layer``.
    """

    def __init__(self, layer: nn.Conv2d, grid: Grid) -> None:
        super().__init__()
        self.dense, self.sides = Int8Dense(layer, grid), layer.stride

    @staticmethod
    def fits(layer: nn.Module) -> bool:
        """Whether a layer is such a convolution."""
        return (
            isinstance(layer, nn.Conv2d)
            and layer.kernel_size == layer.stride
            and layer.padding in ((0, 0), "valid")
            and (layer.groups, layer.dilation) == (1, (1, 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return what the convolution makes of ``x``."""
        high, wide = self.sides
        patches = x.unfold(2, high, high).unfold(3, wide, wide).permute(0, 2, 3, 4, 5, 1)
        return self.dense(patches.flatten(3)).permute(0, 3, 1, 2)


class Int8Attention(nn.Module):
    """Self-attention whose projections are layers of their own; between them it computes in float.

    Many rows meet in bfloat16 where the processor multiplies it natively: half the time, and finer than a byte.

    Args:
        heads: Attention heads.
        project: Makes queries, keys and values, ``(..., width)`` -> ``(..., 3 * width)``.
        merge: ``(..., width)`` -> ``(..., width)``.

    Shape: ``(N, tokens, width)`` -> ``(N, tokens, width)`` and None for the weights that nobody asks for.
    """

    def __init__(self, heads: int, project: Int8Dense, merge: Int8Dense) -> None:
        super().__init__()
        self.heads, self.project, self.merge = heads, project, merge

    def forward(self, query: Tensor, key: Tensor, value: Tensor, need_weights: bool = False) -> tuple[Tensor, None]:
        """Attend to ``query`` itself; ``key`` and ``value`` are the same tensor in self-attention."""
        half = has_instructions("avx512_bf16") and not are_few(query)
        made = self.project(query, torch.bfloat16 if half else torch.float32)
        parts = made.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = _mixed_in_halves(parts) if half else functional.scaled_dot_product_attention(*parts.unbind(0))
        return self.merge(mixed.transpose(1, 2).flatten(2).float()), None


def _mixed_in_halves(parts: Tensor) -> Tensor:
    # torch's fused attention is slower in bfloat16 than in float32; two products and a softmax are not.
    q, k, v = parts.contiguous().unbind(0)
    return torch.softmax((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2), dim=-1) @ v
