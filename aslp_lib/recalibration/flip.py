"""Test-time flip averaging."""

from torch import Tensor

from aslp_lib.recalibration.recalibration import Network, Recalibration, log_add, log_sigmoid


class Flip(Recalibration):
    """Test-time flip averaging: `p' = (p + p_flip) / 2`.

    p_flip is the prediction for the mirror image, flipped back. The mean is less confident wherever
    the two predictions differ. The method has no parameters and serves as a baseline. It costs a
    second forward pass, in single precision.

    Source: test-time augmentation, Ayhan & Berens, MIDL 2018.

    >>> import torch
    >>> def network(images):  # p = 0.75 on the left and 0.5 on the right
    ...     return torch.tensor([[[[0.75, 0.5]]]]).logit()
    >>> images = torch.zeros(1, 3, 1, 2, dtype=torch.uint8)
    >>> Flip()(network(images), images, network).sigmoid()
    tensor([[[[0.6250, 0.6250]]]])
    """

    name, label = "flip", "flip averaging"
    needs = "images"

    def transform(self, logits: Tensor, images: Tensor, network: Network) -> Tensor:
        """Compute `logit((sigmoid(a) + sigmoid(b)) / 2)`.

        The logits a are those of the images, and b those of the mirror images, flipped back.
        """
        a, b = logits, network(images.flip(-1)).flip(-1).to(logits.dtype)
        # In logarithms, because sigmoid rounds large logits to probabilities of exactly 0 or 1.
        foreground = log_add(log_sigmoid(a), log_sigmoid(b))
        background = log_add(log_sigmoid(-a), log_sigmoid(-b))
        return foreground - background

    def summary(self) -> str:
        """State that there are no parameters."""
        return "nothing is fitted"
