"""A differentiable model of baseline JPEG: colour transform, half-resolution colour, DCT, quantization."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

from spatialstats.errors import InputError

__all__ = ["quantization", "soft_jpeg"]

# Annex K of ITU-T T.81, which every encoder of the independent JPEG group scales by its quality.
LUMA = """16 11 10 16 24 40 51 61   12 12 14 19 26 58 60 55   14 13 16 24 40 57 69 56
          14 17 22 29 51 87 80 62   18 22 37 56 68 109 103 77   24 35 55 64 81 104 113 92
          49 64 78 87 103 121 120 101   72 92 95 98 112 100 103 99"""
CHROMA = """17 18 24 47 99 99 99 99   18 21 26 66 99 99 99 99   24 26 56 99 99 99 99 99
            47 66 99 99 99 99 99 99   99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99
            99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99"""
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def soft_jpeg(x: torch.Tensor, quality: int, *, rounding: str) -> torch.Tensor:
    """Images after JPEG's lossy steps, differentiable in `x`.

    Parameters
    ----------
    x : torch.Tensor
        Floating, (N, 1 or 3, H, W) in [0, 1].
    quality : int
        As Pillow's.
    rounding : {"straight-through", "cubic"}
        Of the quantized coefficients: true values with the identity's gradient, or
        ``round(v) + (v - round(v))**3``.

    Returns
    -------
    torch.Tensor
        Like `x`.
    """
    if x.shape[1] not in (1, 3):
        raise InputError(f"JPEG takes grey or RGB images, got {x.shape[1]} channels.")
    height, width = x.shape[2:]
    # Encoders repeat the last row and column up to whole blocks: of 16 pixels where colour is halved.
    unit = 16 if x.shape[1] == 3 else 8
    padded = F.pad(x * 255, (0, -width % unit, 0, -height % unit), mode="replicate")
    if x.shape[1] == 1:
        levels = _coded(padded - 128, quantization(quality, LUMA), rounding) + 128
    else:
        matrix = torch.tensor(TO_YCC, dtype=x.dtype, device=x.device)
        ycc = torch.einsum("ij,njhw->nihw", matrix, padded)
        ycc = whole(ycc) if rounding == "straight-through" else ycc
        luma = _coded(ycc[:, :1] - 128, quantization(quality, LUMA), rounding) + 128
        half = F.avg_pool2d(ycc[:, 1:], 2)
        half = whole(half) if rounding == "straight-through" else half
        half = _coded(half, quantization(quality, CHROMA), rounding)
        colour = F.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False)
        levels = torch.einsum("ij,njhw->nihw", torch.linalg.inv(matrix), torch.cat([luma, colour], 1))
    return levels[:, :, :height, :width].clamp(0, 255) / 255


def quantization(quality: int, table: str) -> np.ndarray:
    """The (8, 8) quantization table at a quality, as libjpeg scales it."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    base = np.array(table.split(), np.int64).reshape(8, 8)
    found: np.ndarray = np.clip((base * scale + 50) // 100, 1, 255)
    return found


def whole(values: torch.Tensor) -> torch.Tensor:
    """The nearest integers, with the identity's gradient."""
    return values + (values.round() - values).detach()


def _coded(planes: torch.Tensor, table: np.ndarray, rounding: str) -> torch.Tensor:
    """Planes (N, C, H, W) around 0 after quantization of the DCT of their 8x8 blocks."""
    n, channels, height, width = planes.shape
    basis = _dct(planes)
    steps = torch.as_tensor(table).to(planes)
    blocks = planes.view(n, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    scaled = basis @ blocks @ basis.T / steps
    nearest = scaled.detach().round()
    rest = scaled - nearest
    kept = nearest + (rest - rest.detach() if rounding == "straight-through" else rest**3)
    back = basis.T @ (kept * steps) @ basis
    return back.transpose(3, 4).reshape(n, channels, height, width)


def _dct(like: torch.Tensor) -> torch.Tensor:
    """The orthonormal 8-point DCT-II as a matrix."""
    at = torch.arange(8, dtype=torch.float64)
    basis = torch.cos(math.pi * at[:, None] * (2 * at + 1) / 16) / 2
    basis[0] /= math.sqrt(2)
    return basis.to(like)
