"""The mean prediction of an image and of its mirror image, against the means of probabilities."""

import torch

from aslp_lib.recalibration import Flip


def test_it_is_the_mean_probability():
    def more_confident_on_the_left(images):
        columns = torch.linspace(3, 0, images.shape[-1], dtype=torch.float64)
        return (images.double().mean(1, keepdim=True) / 32 - 4) * columns

    images = torch.randint(0, 256, (3, 3, 6, 8), generator=torch.Generator().manual_seed(0))
    logits = more_confident_on_the_left(images)
    mirrored = more_confident_on_the_left(images[..., range(7, -1, -1)])
    after = Flip().apply_on_images(logits, images, more_confident_on_the_left)
    for column in range(8):
        both = logits[..., column], mirrored[..., 7 - column]
        expected = sum(1 / (1 + torch.exp(-each)) for each in both) / 2
        torch.testing.assert_close(torch.sigmoid(after[..., column]), expected)
    assert after.dtype == logits.dtype
    assert (after - logits).abs().max() > 1


def test_a_network_that_sees_no_difference_is_left_as_it_is():
    """Also where a probability in single precision is 1; NaN stays NaN."""
    logits = torch.tensor([-80.0, -17.5, -3.0, 0.0, 2.0, 17.5, 80.0, torch.nan]).view(1, 1, 8, 1)
    images = torch.zeros(1, 3, 8, 1, dtype=torch.uint8)
    after = Flip().apply_on_images(logits, images, lambda _: logits.double())
    torch.testing.assert_close(after, logits, equal_nan=True)
