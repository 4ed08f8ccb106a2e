"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747)."""

from __future__ import annotations

CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
