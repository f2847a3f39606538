import torch
from torchvision import tv_tensors

from aslp_lib.data.augmentation import CentredCrop


def test_a_centred_crop_keeps_the_middle_and_cuts_each_side_by_its_own_draw():
    """On a ramp, what is left of the range says what was cut off."""
    size, cut = 100, 20
    ramp = torch.arange(size).float().expand(size, size)
    both = torch.stack([ramp, ramp.T, ramp]).clone()
    mask = torch.zeros(1, size, size, dtype=torch.uint8)
    mask[:, 45:55, 45:55] = 1
    crop, seen = CentredCrop(size, cut), set()
    torch.manual_seed(0)
    for _ in range(200):
        image, label = crop(tv_tensors.Image(both), tv_tensors.Mask(mask))
        assert image.shape == both.shape
        assert set(label.unique().tolist()) == {0, 1}
        width, height = (int((image[i].max() - image[i].min()).round()) + 1 for i in (0, 1))
        for axis in (0, 1):
            assert abs(image[axis].mean() - (size - 1) / 2) <= 0.6
        seen.add((size - width, size - height))
    cuts = [{pair[i] for pair in seen} for i in (0, 1)]
    assert cuts[0] == cuts[1] == set(range(1, cut + 1))
    assert any(a != b for a, b in seen)
