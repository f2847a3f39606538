"""A volume (N, 1, D, H, W) is an image of more pixels."""

import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.metrics import scores
from aslp_lib.metrics.counts import Counts


def test_volumes_are_images_of_more_pixels():
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(3, 1, 2, 4, 5, generator=generator, dtype=torch.float64)
    labels = (logits + torch.randn(logits.shape, generator=generator) > 0).long()
    labels[:, :, :, 0] = 255

    def results(logits, labels):
        alpha, uniform = torch.tensor([0.0, 0.2, 0.4]).double(), torch.tensor([0.9, 0.1, 0.5])
        options = {"uniform": uniform, "ignore_index": 255}
        alphas = AdaptiveAlpha(3, HARD_INVERSION, warm_up=0).double()
        alphas.observe(0.9)
        alphas.update(torch.arange(3), logits, labels, ignore_index=255)
        counts = Counts.from_probabilities(torch.sigmoid(logits), labels, ignore_index=255)
        return {
            "loss": sc_bce_with_logits(logits, labels, alpha, HARD_INVERSION, **options),
            "alphas": alphas.alpha,
            "scores": torch.tensor([*scores(counts).values()]),
        }

    flat = results(logits.flatten(2, 3), labels.flatten(2, 3))  # (N, 1, D * H, W)
    assert flat["alphas"].any()
    torch.testing.assert_close(results(logits, labels), flat, equal_nan=True)
