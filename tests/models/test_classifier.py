"""The classifier gives the module's logits and leaves the module alone."""

from __future__ import annotations

import copy

import nets
import numpy as np
import pytest
import torch
from torch import nn

from spatialstats.errors import InputError
from spatialstats.models import Classifier

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(7, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def expected(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))
    with torch.no_grad():
        return copy.deepcopy(module).eval()((x - mean) / std)


KINDS = (nets.Small, nets.Branching, nets.Viewing, nets.Shielded, nets.SharedNorm)


@pytest.mark.parametrize("prepare", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_the_module(kind: type[nn.Module], prepare: bool, x: torch.Tensor) -> None:
    module = kind().train()
    classifier = Classifier(module, MEAN, STD, batch_size=3, prepare=prepare)
    torch.testing.assert_close(classifier.logits(x), expected(module, x), rtol=1e-4, atol=1e-5)
    logits = classifier.predict_logits(x.numpy())
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected(module, x), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(classifier.predict(x), expected(module, x).argmax(1))
    assert classifier.n_classes == logits.shape[1]


@pytest.mark.parametrize("prepare", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_that_of_the_module(kind: type[nn.Module], prepare: bool, x: torch.Tensor) -> None:
    module = kind().eval()
    leaf = x.clone().requires_grad_(True)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))
    (wanted,) = torch.autograd.grad(module((leaf - mean) / std)[:, 1].sum(), leaf)
    found, logits = Classifier(module, MEAN, STD, prepare=prepare).gradient(x, lambda z: z[:, 1])
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(logits, expected(module, x), rtol=1e-4, atol=1e-5)
    assert not logits.requires_grad


@pytest.mark.parametrize("prepare", [True, False])
def test_the_users_module_stays_as_it_was(prepare: bool, x: torch.Tensor) -> None:
    module = nets.Small().train()
    module.norm1.eval()  # a mixture of modes must survive too
    module.conv1.weight.requires_grad_(False)
    before = copy.deepcopy(module.state_dict())
    modes = [part.training for part in module.modules()]
    wanted = [parameter.requires_grad for parameter in module.parameters()]
    classifier = Classifier(module, MEAN, STD, prepare=prepare)
    classifier.check(x)
    classifier.predict(x)
    classifier.logits(x.clone().requires_grad_(True)).sum().backward()
    classifier.gradient(x, lambda z: z.sum())
    assert [part.training for part in module.modules()] == modes
    assert [parameter.requires_grad for parameter in module.parameters()] == wanted
    assert all(parameter.grad is None for parameter in module.parameters())
    for key, value in module.state_dict().items():
        assert torch.equal(value, before[key])


def test_the_module_is_put_back_when_a_pass_fails(x: torch.Tensor) -> None:
    module = nets.Small().train()
    with pytest.raises(InputError, match="cannot take images of the shape"):
        Classifier(module, prepare=False).logits(x[:, :2])
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())


@pytest.mark.parametrize(
    ("kind", "folded", "channels_last", "reason"),
    [
        (nets.Small, 2, True, None),
        (nets.SharedNorm, 1, True, None),
        (nets.Branching, 0, True, "folded"),
        (nets.Viewing, 1, False, "channels last"),
        (nets.Shielded, 0, True, "other gradients"),
        (nets.Uncopiable, 0, False, "no copies"),
    ],
)
def test_preparation_says_what_was_done(
    kind: type[nn.Module], folded: int, channels_last: bool, reason: str | None, x: torch.Tensor
) -> None:
    classifier = Classifier(kind())
    assert classifier.preparation["reason"] == "no image was seen yet"
    classifier.logits(x)
    said = classifier.preparation
    assert (said["batch_norms_folded"], said["channels_last"]) == (folded, channels_last)
    assert (reason in said["reason"]) if reason else said["reason"] is None
    assert said["copied"] == (kind is not nets.Uncopiable)
    if said["copied"]:
        assert said["max_logit_difference"] < 1e-4
        assert not any(parameter.requires_grad for parameter in classifier.module.parameters())


def test_layers_of_the_prepared_copy_can_be_hooked(x: torch.Tensor) -> None:
    classifier = Classifier(nets.Small())
    seen: list[torch.Size] = []
    dict(classifier.module.named_modules())["conv2"].register_forward_hook(lambda *a: seen.append(a[2].shape))
    classifier.logits(x)
    assert seen == [(7, 8, 4, 4)]
    assert classifier.preparation["copied"]


def test_bounds_stretch_the_images(x: torch.Tensor) -> None:
    plain = Classifier(nets.Small()).logits(2 * x - 1)
    torch.testing.assert_close(
        Classifier(nets.Small(), bounds=(-1, 1)).logits(x), plain, rtol=1e-4, atol=1e-5
    )


def test_time_and_calls_are_counted(x: torch.Tensor) -> None:
    classifier = Classifier(nets.Small(), batch_size=4)
    classifier.prepare(x)
    assert (classifier.calls, classifier.seconds) == (0, 0)
    classifier.predict(x)
    forward = classifier.seconds
    assert classifier.calls == 2
    assert forward > 0
    leaf = x.clone().requires_grad_(True)
    loss = classifier.logits(leaf).sum()
    between = classifier.seconds
    loss.backward()
    assert classifier.seconds > between > forward
    assert leaf.grad is not None


def test_fingerprint_follows_weights_and_normalisation() -> None:
    one, other = nets.Small(), nets.Small()
    assert Classifier(one).fingerprint == Classifier(other).fingerprint
    assert Classifier(one).fingerprint != Classifier(one, 0.5).fingerprint
    with torch.no_grad():
        other.head.bias[0] += 1
    assert Classifier(one).fingerprint != Classifier(other).fingerprint


@pytest.mark.parametrize(
    ("module", "images", "message"),
    [
        (
            nets.Small(),
            torch.rand(2, 3, 8, 8) * 3 - 1,
            r"images must lie in \[0, 1\], got .* give mean and std",
        ),
        (nets.Small(), torch.full((2, 3, 8, 8), torch.nan), r"images must lie in \[0, 1\]"),
        (nets.Small(), torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "images must be floats"),
        (nets.Small(), torch.rand(3, 8, 8), r"shape \(N, C, H, W\)"),
        (nets.Small(), torch.rand(2, 1, 8, 8), "cannot take images of the shape"),
        (nets.BatchDependent(), torch.rand(4, 3, 8, 8), "neighbours in the batch"),
        (nets.BatchDependent(), torch.rand(1, 3, 8, 8), "neighbours in the batch"),
        (nets.Returns(lambda x: torch.rand(len(x), 4) + 0 * x.mean()), torch.rand(2, 3, 8, 8), "two answers"),
        (
            nets.Returns(lambda x: x.mean((1, 2, 3))),
            torch.rand(2, 3, 8, 8),
            r"must return logits \(N, classes\)",
        ),
        (
            nets.Returns(lambda x: x.mean((2, 3))[:1]),
            torch.rand(2, 3, 8, 8),
            r"must return logits \(N, classes\)",
        ),
        (nets.Returns((1, 2)), torch.rand(2, 3, 8, 8), r"must return logits \(N, classes\)"),
        (nets.Returns(lambda x: x.mean((2, 3)) / 0), torch.rand(2, 3, 8, 8), "not finite"),
        (nets.Returns(lambda x: x.mean((2, 3))[:, :1]), torch.rand(2, 3, 8, 8), "at least two"),
    ],
)
def test_images_and_models_that_do_not_fit_are_refused(
    module: nn.Module, images: torch.Tensor, message: str
) -> None:
    for prepare in (True, False):
        with pytest.raises(InputError, match=message):
            Classifier(module, prepare=prepare).check(images)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": (0.5, 0.5)}, "mean has 2 values but the images have 3 channels"),
        ({"std": (0.1, 0, 0.1)}, "std must be above 0"),
        ({"mean": "half"}, "mean must be a number"),
        ({"bounds": (1, 0)}, "bounds must be"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"device": "gpu"}, "device must be"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str, x: torch.Tensor) -> None:
    with pytest.raises(InputError, match=message):
        Classifier(nets.Small(), **options).check(x)


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(InputError, match=r"must be a torch\.nn\.Module, got function"):
        Classifier(nets.small)


def test_a_model_without_gradients_says_so(x: torch.Tensor) -> None:
    blind = nets.Returns(lambda z: z.detach().mean((2, 3)))
    with pytest.raises(InputError, match="has no gradient"):
        Classifier(blind).gradient(x, lambda z: z.sum())


@pytest.mark.parametrize("prepare", [True, False])
def test_bfloat16_narrows_gradients_and_never_predictions(prepare: bool, x: torch.Tensor) -> None:
    module = nets.Small().eval()
    whole = Classifier(module, MEAN, STD, prepare=prepare)
    narrow = Classifier(module, MEAN, STD, prepare=prepare, precision="bfloat16")
    np.testing.assert_array_equal(narrow.predict_logits(x), whole.predict_logits(x))
    (found, logits), (wanted, exact) = (one.gradient(x, lambda z: z[:, 1]) for one in (narrow, whole))
    assert found.dtype == logits.dtype == torch.float32
    assert not torch.equal(found, wanted)
    assert not torch.equal(logits, exact)
    cosine = torch.nn.functional.cosine_similarity(found.flatten(1), wanted.flatten(1))
    assert float(cosine.min()) > 0.99
    assert narrow.around(nets.Small(), "other").precision == "bfloat16"
    assert narrow.passes == f"{whole.passes}, gradients in bfloat16"


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match=r"precision 'float16'.*bfloat16"):
        Classifier(nets.Small(), precision="float16")
