"""K classes, against autograd and, for two of them, the library."""

import pytest
import torch

from aslp_lib import Technique, alpha_gradient, expected_targets
from aslp_lib.course.models.classes import class_alpha_gradient, class_targets


@pytest.mark.parametrize("alpha, beta", [(0.3, 2.0), (0.5, 1.0), (1.0, 0.2)])
def test_two_classes_are_the_library_s(alpha, beta):
    labels = torch.tensor([[0.0, 1.0, 1.0]])
    found = class_targets(torch.stack([1 - labels, labels], dim=-1), alpha, beta)
    wanted = expected_targets(labels, alpha, Technique("", beta))
    torch.testing.assert_close(found[..., 1], wanted)
    torch.testing.assert_close(found.sum(dim=-1), torch.ones(1, 3))


def test_the_strongest_perturbation_is_any_other_class():
    torch.testing.assert_close(
        class_targets(torch.eye(4)[2], 1.0, 4 / 3), torch.tensor([1 / 3, 1 / 3, 0, 1 / 3])
    )


def test_the_gradient_is_the_difference_of_two_cross_entropies():
    torch.manual_seed(0)
    logits, labels = torch.randn(5, 4, 3, 3).double(), torch.randint(4, (5, 3, 3))
    own = torch.nn.functional.one_hot(labels, 4).movedim(-1, 1).double()
    flat = torch.nn.functional.cross_entropy
    perturbed = flat(logits, (1 - 1.2) * own + 1.2 / 4, reduction="none")
    difference = (perturbed - flat(logits, own, reduction="none")).mean(dim=(1, 2))
    torch.testing.assert_close(class_alpha_gradient(logits, labels, 1.2), difference)


def test_the_gradient_of_two_classes_is_the_library_s():
    logits, labels = torch.tensor([[2.0, -1.0, 0.5]]), torch.tensor([[1, 0, 0]])
    both = torch.stack([torch.zeros_like(logits), logits], dim=1)
    torch.testing.assert_close(
        class_alpha_gradient(both, labels, 2.0), alpha_gradient(logits, labels, Technique("", 2.0))
    )
