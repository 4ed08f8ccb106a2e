"""Controls for importance: what any picture of the image's edges shows."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spatialstats.errors import InputError

STEP, SMOOTH = np.array([-1.0, 0, 1]), np.array([0.25, 0.5, 0.25])


def edge_map(images: np.ndarray) -> np.ndarray:
    """Gradient magnitude of each image, by Sobel's filter: an "importance" map without a model.

    Thresholded as importance is, it gives the RoI of a control.  Its overlap with an attack is
    shown as an effect size beside the real one: it need not vanish, as attacks meet edges.

    Parameters
    ----------
    images : numpy.ndarray
        float or uint8 (N, C, H, W); channels are averaged first.

    Returns
    -------
    numpy.ndarray
        float32 (N, H, W), non-negative, as scikit-image's `sobel` of the mean channel.

    References
    ----------
    J. Adebayo et al., *Sanity checks for saliency maps*, NeurIPS 2018: edge detectors as a
    baseline.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.dtype.kind not in "fu":
        raise InputError(f"images must be float or uint8 (N, C, H, W), got {images.dtype} {images.shape}.")
    grey = images.mean(1, dtype=np.float64)
    # ndimage.sobel would smooth across the images too.
    down = ndimage.correlate1d(ndimage.correlate1d(grey, STEP, 1), SMOOTH, 2)
    right = ndimage.correlate1d(ndimage.correlate1d(grey, STEP, 2), SMOOTH, 1)
    return np.asarray(np.hypot(down, right) / np.sqrt(2), np.float32)
