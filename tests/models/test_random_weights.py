"""The model with random weights: drawn anew, by the seed, and refused where only a part could be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from spatialstats.errors import InputError
from spatialstats.models import Classifier, random_weights


def net() -> nn.Sequential:
    torch.manual_seed(5)
    made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    made[1].running_mean.fill_(3.0)  # type: ignore[union-attr, operator]
    return made.eval()


class Bare(nn.Module):
    """A layer of its own with a parameter that nothing draws."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = net()
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.inner(x) + self.bias)


def test_weights_are_drawn_by_the_seed_and_the_module_stays_as_it_is() -> None:
    module = net()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    classifier = Classifier(module, mean=0.5, std=0.25, name="net", batch_size=8)
    state = torch.random.get_rng_state()
    one, two, other = (random_weights(classifier, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert one.fingerprint == two.fingerprint
    assert len({classifier.fingerprint, one.fingerprint, other.fingerprint}) == 3
    assert one.original[1].running_mean.abs().max() == 0  # type: ignore[index]
    for name, value in one.original.state_dict().items():
        if name.startswith(("0.", "4.")):
            assert not torch.equal(value, before[name]), name


def test_it_takes_images_as_the_model_does() -> None:
    classifier = Classifier(net(), mean=0.5, std=0.25, name="net", batch_size=8)
    made = random_weights(classifier)
    x = np.random.default_rng(0).random((5, 3, 8, 8)).astype(np.float32)
    by_hand = made.original((torch.from_numpy(x) - 0.5) / 0.25).detach().numpy()
    np.testing.assert_allclose(made.predict_logits(x), by_hand, atol=1e-5)
    assert made.batch_size == 8
    assert made.name == "net, random weights"


def test_a_model_of_which_a_part_would_stay_learnt_is_refused() -> None:
    with pytest.raises(InputError, match=r"bias belongs to a Bare, which has no reset_parameters"):
        random_weights(Classifier(Bare(), name="net"))
    with pytest.raises(InputError, match="has no parameters"):
        random_weights(Classifier(nn.Flatten(), name="flat"))


def test_attention_has_its_own_way_to_draw() -> None:
    class Attentive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.head = nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = x.flatten(2)
            return torch.as_tensor(self.head(self.attention(tokens, tokens, tokens)[0].mean(1)))

    module = Attentive()
    made = random_weights(Classifier(module, name="attentive"), seed=3)
    drawn = made.original.attention.in_proj_weight  # type: ignore[union-attr]
    assert not torch.equal(drawn, module.attention.in_proj_weight)
