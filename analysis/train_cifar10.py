"""Train one bundled CIFAR-10 classifier from a seed, on the training set alone.

    python analysis/train_cifar10.py --seed 0 --out spatialstats/models/weights

The schedule is fixed beforehand and the last state is the one that is written:
nothing is chosen on the test set, which is read once, at the end, for the accuracy
that goes into the file.  Early epochs see 24x24 crops (cheaper, and the network ends
in a global maximum), the last ones whole images.  Passes run in bfloat16 with float32
weights: about 16 minutes on two cores with AVX512-BF16, several times that without.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from spatialstats.data.cifar import MEAN, STD, load_cifar10
from spatialstats.models.cifar_net import CifarNet

BATCH = 250
EPOCHS = 18
CROPPED_EPOCHS, CROP = 10, 24
PEAK_LR, MOMENTUM, DECAY, SMOOTHING = 11.5, 0.85, 0.0153, 0.2
BIAS_LR = 64.0  # factor on the learning rate of batch-norm shifts
LOOKAHEAD = 10  # steps between two updates of the slow weights


def whiten(net: CifarNet, images: torch.Tensor) -> None:
    """Set the stem to the whitening filters of 3x3 patches, and their negatives."""
    patches = F.unfold(images, 3).transpose(1, 2).reshape(-1, 27)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = (vectors / (values + 5e-4).sqrt()).T.flip(0)[:12].reshape(-1, 3, 3, 3)
    with torch.no_grad():
        net.whiten.weight.copy_(torch.cat([filters, -filters]))
        net.whiten.bias.zero_()  # type: ignore[union-attr]
    net.whiten.weight.requires_grad_(False)


def initialise(net: CifarNet) -> None:
    """Start every convolution as the identity on its first channels; fix the batch-norm scales."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module is not net.whiten:
            nn.init.dirac_(module.weight[: module.in_channels].data)
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum, module.eps = 0.4, 1e-6
            module.weight.requires_grad_(False)


def batches(
    images: torch.Tensor, labels: torch.Tensor, epoch: int, flips: torch.Tensor, rng: torch.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Shuffled batches: random crops, each image flipped in every second epoch."""
    size = CROP if epoch < CROPPED_EPOCHS else 32
    padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
    span = padded.shape[-1] - size + 1
    order = torch.randperm(len(images), generator=rng)
    tops = torch.randint(span, (len(images),), generator=rng)
    lefts = torch.randint(span, (len(images),), generator=rng)
    rows = torch.arange(size)
    for chosen in order.split(BATCH):
        y = tops[chosen, None] + rows
        x = lefts[chosen, None] + rows
        flip = (flips[chosen] + epoch) % 2 == 1
        x = torch.where(flip[:, None], x.flip(1), x)
        crops = padded[chosen[:, None, None], :, y[:, :, None], x[:, None, :]]  # (N, H, W, C)
        yield crops.permute(0, 3, 1, 2), labels[chosen]


def lr_at(step: int, steps: int) -> float:
    """Piecewise linear: 0.2 -> 1 over the first 23 %, then down to 0.03."""
    return float(np.interp(step / steps, [0, 0.23, 1], [0.2, 1, 0.03]))


def train(images: torch.Tensor, labels: torch.Tensor, seed: int, epochs: int = EPOCHS) -> CifarNet:
    """Train a network; `images` are normalised float32 (N, 3, 32, 32)."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    net = CifarNet()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    whiten(net, images[torch.randperm(len(images), generator=rng)[:5000]])
    initialise(net)
    shifts = [p for n, p in net.named_parameters() if "norm" in n and p.requires_grad]
    others = [p for n, p in net.named_parameters() if "norm" not in n and p.requires_grad]
    per_example = 1024 * (1 + 1 / (1 - MOMENTUM))
    lr, decay = PEAK_LR / per_example, DECAY * BATCH / per_example
    groups = [
        {"params": shifts, "lr": lr * BIAS_LR, "weight_decay": decay / (lr * BIAS_LR)},
        {"params": others, "lr": lr, "weight_decay": decay / lr},
    ]
    optimiser = torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True)
    steps = epochs * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: lr_at(step, steps))
    slow = [tensor.clone() for tensor in net.state_dict().values()]
    flips = torch.randint(2, (len(images),), generator=rng)
    step = 0
    for epoch in range(epochs):
        began, seen = time.perf_counter(), 0.0
        net.train()
        for x, y in batches(images, labels, epoch, flips, rng):
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = net(x)
            loss = F.cross_entropy(logits.float(), y, label_smoothing=SMOOTHING, reduction="sum")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            seen += loss.item()
            step += 1
            if step % LOOKAHEAD == 0:
                pull = 0.95**5 * (step / steps) ** 3
                for kept, now in zip(slow, net.state_dict().values(), strict=True):
                    if now.is_floating_point():
                        kept.lerp_(now, 1 - pull)
                        now.copy_(kept)
        took = time.perf_counter() - began
        print(f"epoch {epoch + 1}/{epochs}  training loss {seen / len(images):.4f}  {took:.0f} s", flush=True)
    net.eval()
    return net


@torch.no_grad()
def average_norms(net: CifarNet, images: torch.Tensor) -> None:
    """Replace the running batch-norm statistics by averages over training images.

    The running ones belong to the last few batches and to weights before the last averaging.
    """
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a cumulative average
    net.train()
    for x in images.split(BATCH):
        net(x.contiguous(memory_format=torch.channels_last))
    net.eval()


@torch.inference_mode()
def accuracy(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Fraction of `images` that `net` gets right."""
    hits = [net(x).argmax(1) == y for x, y in zip(images.split(500), labels.split(500), strict=True)]
    return float(torch.cat(hits).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, default=Path("spatialstats/models/weights"))
    options = parser.parse_args()
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    loaded = {}
    for split in ("train", "test"):
        images, labels = load_cifar10(split)
        loaded[split] = (
            (torch.from_numpy(images).float() / 255 - mean) / std,
            torch.from_numpy(labels).long(),
        )
    net = train(*loaded["train"], options.seed, options.epochs)
    average_norms(net, loaded["train"][0][:10_000])
    half = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    half = {k: v.contiguous() for k, v in half.items() if not k.endswith("num_batches_tracked")}
    net.load_state_dict({k: v.float() for k, v in half.items()}, strict=False)
    measured = accuracy(net, *loaded["test"])
    options.out.mkdir(parents=True, exist_ok=True)
    name = f"cifar10-{options.seed}"
    about = {
        "seed": str(options.seed),
        "epochs": str(options.epochs),
        "test_accuracy": f"{measured:.4f}",
        "torch": torch.__version__,
    }
    save_file(half, options.out / f"{name}.safetensors", metadata=about)
    print(json.dumps({"model": name, **about}), flush=True)


if __name__ == "__main__":
    main()
