"""Degraded views: by hand, image by image."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from aslp_lib.config import PRESETS
from aslp_lib.data.degradations import DEGRADATIONS, Degradation
from aslp_lib.methods import Draws, degraded_views
from aslp_lib.methods.bce import BCE
from aslp_lib.methods.degraded_views import DegradedViews, DegradedViewsOptions
from aslp_lib.training import loop

N, SIZE = 240, 12
NAMES = list(DEGRADATIONS)


def batch(n=N):
    """Textured images; in each mask a rectangle, so that moved ones are told apart."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    labels = torch.zeros(n, 1, SIZE, SIZE)
    for i, mask in enumerate(labels):
        mask[:, i % 5 : 7, i % 3 : 6 + i % 4] = 1
    return images, labels


def draws(n=N, images=None):
    uniform = torch.rand(n, generator=torch.Generator().manual_seed(1))
    return Draws(uniform, range(n) if images is None else images, lambda image: 100 + image)


def prepared(share, drawn=None, images=None, labels=None):
    if images is None:
        images, labels = batch()
    index = torch.arange(len(images))
    method = DegradedViews(len(images), DegradedViewsOptions(share))
    return method.prepare(images, labels, index, drawn or draws(len(images)))


def by_hand(images, labels, i):
    rng = np.random.default_rng(100 + i)
    degradation = DEGRADATIONS[NAMES[int(rng.integers(len(NAMES)))]]
    masks = labels.byte()
    items = [(images[j], masks[j]) for j in ((i, i - 1) if degradation.mixes else (i,))]
    image, mask = degradation.change(rng, *items)
    return degradation, image, mask.float()


def test_at_share_1_each_image_is_a_degraded_view_of_itself_and_the_mask_moves_along():
    images, labels = batch()
    seen, masks = prepared(1.0)
    assert (seen.dtype, seen.shape) == (torch.uint8, images.shape)
    assert (masks.dtype, masks.shape) == (torch.float32, labels.shape)
    met, moved = set(), set()
    for i in range(N):
        degradation, image, mask = by_hand(images, labels, i)
        assert torch.equal(seen[i], image), (i, degradation)
        assert torch.equal(masks[i], mask), (i, degradation)
        met.add(degradation.name)
        if not torch.equal(masks[i], labels[i]):
            moved.add(degradation.kind)
    assert met == set(NAMES)
    assert moved == {"zoom", "crop", "empty_crop", "pair", "paste"}


def test_at_a_share_between_an_image_is_replaced_where_its_number_is_below_it():
    images, labels = batch()
    seen, masks = prepared(0.3)
    for i, number in enumerate(draws().uniform.tolist()):
        _, image, mask = by_hand(images, labels, i) if number < 0.3 else (0, images[i], labels[i])
        assert torch.equal(seen[i], image)
        assert torch.equal(masks[i], mask)


@dataclass(frozen=True)
class Painted(Degradation):
    """All levels are its grade."""

    kind = "painted"

    def change(self, rng, *items):
        ((image, mask),) = items
        return torch.full_like(image, self.grade), mask


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_as_many_are_replaced_as_it_says_by_each_degradation_alike(monkeypatch, share):
    """With a training's own draws, over many epochs: no p-value below 1e-4."""
    monkeypatch.setattr(degraded_views, "VIEWS", tuple(map(Painted, range(1, 31))))
    n, epochs, seen = 100, 40, []
    for epoch in range(epochs):
        order, uniform = loop._order_and_draws(n, 0, epoch)
        drawn = Draws(uniform[order], order, lambda image, epoch=epoch: loop._seed(0, epoch, image))
        images, labels = torch.zeros(n, 3, 1, 1, dtype=torch.uint8), torch.zeros(n, 1, 1, 1)
        found, _ = prepared(share, drawn, images, labels)
        seen.append(found[:, 0, 0, 0])
        if epoch:
            assert not torch.equal(seen[-1], seen[-2])  # drawn anew
    counts = torch.bincount(torch.cat(seen).long(), minlength=31).numpy()
    assert stats.binomtest(int(counts[1:].sum()), n * epochs, share).pvalue > 1e-4
    assert stats.chisquare(counts[1:]).pvalue > 1e-4


def test_rows_of_several_processes_are_those_of_one():
    """Uneven parts, one of them a single row; the first row's partner is another process's."""
    images, labels = batch()
    whole = prepared(0.7)
    before = {torch.uint8: images.roll(1, 0), torch.float32: labels.roll(1, 0)}
    parts = []
    for part in (slice(0, 1), slice(1, 150), slice(150, N)):
        asked = []

        def partners(rows, part=part, asked=asked):
            asked.append(rows.dtype)
            return before[rows.dtype][part]

        own = Draws(draws().uniform[part], range(N)[part], draws().seed, partners)
        parts.append(prepared(0.7, own, images[part], labels[part]))
        assert asked == [torch.uint8, torch.float32]
    for found, expected in zip(zip(*parts, strict=True), whole, strict=True):
        assert torch.equal(torch.cat(found), expected)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_processes_are_waited_for_whatever_is_drawn(share):
    """One that did not come would leave the others waiting."""
    images, labels = batch(2)
    asked = []
    own = Draws(torch.rand(2), [0, 1], lambda i: i, lambda rows: asked.append(rows.dtype) or rows)
    prepared(share, own, images, labels)
    assert asked == [torch.uint8, torch.float32]


def test_an_image_alone_is_its_own_partner():
    pair, seed = NAMES.index("pair3"), 0
    while np.random.default_rng(seed).integers(len(NAMES)) != pair:
        seed += 1
    images, labels = batch(1)
    seen, _ = prepared(1.0, Draws(torch.zeros(1), [0], lambda image: seed), images, labels)
    assert torch.equal(seen[..., : SIZE // 2], seen[..., SIZE // 2 :])


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_its_batch_is_left_alone_and_its_loss_is_bce_of_what_is_seen(share):
    images, labels = batch()
    kept = images.clone(), labels.clone()
    _, masks = prepared(share, None, images, labels)
    assert torch.equal(images, kept[0])
    assert torch.equal(labels, kept[1])
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(labels.shape, generator=generator, dtype=torch.float64)
    method = DegradedViews(N, DegradedViewsOptions(share))
    expected = (F.softplus(logits) - masks * logits).sum()
    found = method.loss(logits, masks.double(), torch.arange(N), draws())
    torch.testing.assert_close(found, expected)


@pytest.mark.slow
def test_at_share_0_it_trains_as_bce_does_bit_for_bit():
    images, labels = batch()
    seen, masks = prepared(0.0)
    assert torch.equal(seen, images)
    assert torch.equal(masks, labels)
    settings = replace(PRESETS["demo"], epochs=2, limit=20, size=16, device="cpu")
    settings = settings.tuned(degraded_views={"share": 0.0})
    data = settings.load_data()
    none, bce = (loop.train(settings, data, m, progress=False) for m in ("degraded_views", "bce"))
    assert none.log == bce.log
    for name, value in bce.network.state_dict().items():
        assert torch.equal(none.network.state_dict()[name], value), name
    half = loop.train(
        settings.tuned(degraded_views={"share": 0.5}), data, "degraded_views", progress=False
    )
    assert half.log != bce.log


@pytest.mark.fault(
    "a training on degraded views is asked for with soft masks",
    "its settings are refused; soft labels of another origin, in the first batch",
)
def test_soft_masks_are_refused():
    images, labels = batch()
    labels[7, 0, 3, 3] = 0.4
    for share in (0.0, 1.0):
        with pytest.raises(ValueError, match="only masks of 0 and 1 are degraded: load the train"):
            prepared(share, None, images, labels)
    settings = replace(PRESETS["demo"], methods=("bce", "degraded_views"))
    with pytest.raises(ValueError, match="soft_masks is True, but must be off for degraded_views"):
        replace(settings, soft_masks=True)
    assert DegradedViews.hard_masks
    assert not BCE.hard_masks


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ValueError, match=f"share is {share}, but is a probability and must lie in"):
        DegradedViewsOptions(share)


def test_what_is_not_chosen_is_half():
    assert DegradedViewsOptions() == DegradedViewsOptions(0.5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_it_sees_what_it_does_on_a_cpu():
    images, labels = batch()
    own = replace(draws(), uniform=draws().uniform.cuda())
    found = prepared(0.5, own, images.cuda(), labels.cuda())
    for there, here in zip(found, prepared(0.5), strict=True):
        assert there.is_cuda
        assert torch.equal(there.cpu(), here)
