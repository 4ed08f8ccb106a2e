from __future__ import annotations

import numpy as np
import pytest
import torch

from spatialstats.errors import InputError
from spatialstats.importance import get_importance, list_importance, magnitude
from spatialstats.importance.integrated_gradients import IntegratedGradients
from spatialstats.spec import parse, separated


@pytest.mark.parametrize("name", list_importance())
def test_every_listed_method_can_be_had_and_knows_its_name(name: str) -> None:
    method = get_importance(name)
    assert method.name == name
    assert method.label
    assert method.signed in (True, False)


def test_no_name_gives_the_default() -> None:
    assert get_importance(None).name in list_importance()


def test_parameters_in_the_spec_and_overrides_are_set() -> None:
    assert get_importance(" integrated-gradients( steps = 16 , baseline=mean)") == IntegratedGradients(
        16, "mean"
    )
    assert get_importance("integrated-gradients(steps=16)", steps=4) == IntegratedGradients(4)
    assert get_importance("smoothgrad(sigma=8/255)").sigma == 8 / 255
    assert get_importance("smoothgrad(sigma=1)").sigma == 1


def test_values_may_be_numbers_fractions_words_and_tuples() -> None:
    name, parameters = parse(
        "a method", "captum:Occlusion(sliding_window_shapes=(3, 4,4),a=1/2,b=True,c=layer4.1)"
    )
    assert name == "captum:Occlusion"
    assert parameters == {"sliding_window_shapes": (3, 4, 4), "a": 0.5, "b": True, "c": "layer4.1"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "integrated-gradient",
            "unknown importance method 'integrated-gradient': did you mean 'integrated-gradients'",
        ),
        (
            "integrated-gradients(step=3)",
            "unknown parameter of integrated-gradients 'step': did you mean 'steps'",
        ),
        ("integrated-gradients(steps=many)", "must be of the type int, got 'many'"),
        ("integrated-gradients(steps=True)", "must be of the type int"),
        ("integrated-gradients(steps=1.5)", "must be of the type int"),
        ("integrated-gradients(steps=0)", "at least one step"),
        ("integrated-gradients(16)", "written key=value"),
        ("integrated-gradients(steps=16", r"written name or name\(key=value"),
        ("saliency(steps=1)", "takes no parameters"),
        ("smoothgrad(sigma=0)", "positive sigma"),
        ("occlusion(window=2,stride=3)", "every pixel is covered"),
    ],
)
def test_specs_that_cannot_be_used_are_refused_in_one_sentence(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        get_importance(spec)


def test_magnitude_keeps_the_evidence_for_the_class_or_all_of_it() -> None:
    values = torch.tensor([[[-2.0, 1.0]]])
    assert magnitude(values, "positive", 0).tolist() == [[[0, 1]]]
    assert magnitude(values, "absolute", 0).tolist() == [[[2, 1]]]
    with pytest.raises(InputError, match="magnitude rule"):
        magnitude(values, "signed")
    with pytest.raises(InputError, match="0 or more"):
        magnitude(values, smoothing=-1)


def test_smoothing_averages_neighbours_and_keeps_the_mass_inside() -> None:
    point = np.zeros((1, 5, 5), np.float32)
    point[0, 2, 2] = 16
    wanted = np.outer([0, 1, 2, 1, 0], [0, 1, 2, 1, 0])
    np.testing.assert_array_equal(magnitude(point, smoothing=1)[0], wanted)
    flat = np.ones((2, 4, 3), np.float32)
    np.testing.assert_array_equal(magnitude(flat, smoothing=3), flat)


def test_commas_in_brackets_of_any_depth_separate_nothing() -> None:
    deep = "neutralize(fill=blur(sigma=3), locator=frequency(roi=median, windows=(1, 2)))"
    assert separated(f"oddr, {deep},, jpeg(quality=50)") == ["oddr", deep, "jpeg(quality=50)"]
    assert parse("a defence", deep)[1] == {
        "fill": "blur(sigma=3)",
        "locator": "frequency(roi=median, windows=(1, 2))",
    }
