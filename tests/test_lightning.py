"""The callback in real Lightning trainings of a tiny network on the synthetic data, in float64 on a
CPU."""

import importlib
import re
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from processes import START
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler

from aslp_lib import MODERATION, AdaptiveAlpha, sc_bce_with_logits
from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics import scores
from aslp_lib.metrics.accumulator import CountsAccumulator

lightning = pytest.importorskip("lightning.pytorch")
from aslp_lib.lightning import AdaptiveAlphaCallback  # noqa: E402

VOID = 255
EPOCHS = 3
BATCH = 4
QUIET = {"accelerator": "cpu", "logger": False}
QUIET |= {"enable_progress_bar": False, "enable_model_summary": False}


class Segmenter(lightning.LightningModule):
    def __init__(self, adaptive: AdaptiveAlphaCallback) -> None:
        super().__init__()
        torch.manual_seed(0)
        layers = nn.Conv2d(3, 4, 5, padding=2), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1)
        self.network = nn.Sequential(*layers).double()
        self.adaptive = adaptive

    def training_step(self, batch, batch_idx):
        images, labels, index = batch
        logits = predict(self.network, images)
        loss = loss_of(logits, labels, self.adaptive.alphas[index])
        return {"loss": loss, "logits": logits, "labels": labels, "index": index}

    def validation_step(self, batch, batch_idx):
        images, labels, _ = batch
        return {"logits": predict(self.network, images), "labels": labels}

    def train_dataloader(self):
        return self.share_of("train")

    def val_dataloader(self):
        return self.share_of("validation")

    def share_of(self, name):
        """This process's images, in order; Lightning's own sampler would shuffle them."""
        count, rank = self.trainer.world_size, self.trainer.global_rank
        sampler = DistributedSampler(dataset(name), count, rank, shuffle=False)
        return DataLoader(sampler.dataset, BATCH // count, sampler=sampler)

    def configure_optimizers(self):
        return optimizer_of(self.network)

    def on_fit_end(self):
        """Write what each process ends with."""
        path = Path(self.trainer.default_root_dir) / f"{self.trainer.global_rank}.pt"
        torch.save(self.adaptive.alphas.state_dict(), path)


def predict(network, images):
    return 60 * network(images.double() / 255)  # over-confident, so that levels have room to grow


def loss_of(logits, labels, alpha):
    options = {"use_expected_targets": True, "ignore_index": VOID}
    return sc_bce_with_logits(logits, labels, alpha, MODERATION, **options)


def optimizer_of(network):
    return torch.optim.SGD(network.parameters(), lr=2e-4, momentum=0.9)


def levels() -> AdaptiveAlpha:
    options = {"alpha_step_size": 0.005, "bound_gain": 1.0, "warm_up": 1}
    return AdaptiveAlpha(12, MODERATION, "aslp_gap", **options).double()


def dataset(name: str) -> Shapes:
    shapes = Shapes(name, 12, seed=len(name), size=16)
    shapes.masks[2:4, :, :5] = VOID  # as many pixels in each of two processes' share
    return shapes


def fit(folder: Path, epochs: int = EPOCHS, resumed: Path | None = None, **options):
    """The trained module and its callback; the folder keeps its checkpoints and final levels."""
    alphas = levels().share_memory()  # spawned processes share it without this; forks do not
    adaptive = AdaptiveAlphaCallback(alphas, VOID)
    module = Segmenter(adaptive)
    trainer_of(folder, adaptive, epochs, **options).fit(module, ckpt_path=resumed)
    return module, adaptive


def trainer_of(folder: Path, adaptive: AdaptiveAlphaCallback, epochs: int = EPOCHS, **options):
    Checkpoint = lightning.callbacks.ModelCheckpoint
    steps = Checkpoint(folder / "steps", "{step}", every_n_train_steps=2, save_top_k=-1)
    return lightning.Trainer(
        **{"devices": 1, **options},
        **QUIET,
        max_epochs=epochs,
        callbacks=[adaptive, Checkpoint(folder / "epochs", "last"), steps],
        default_root_dir=folder,
        use_distributed_sampler=False,
    )


def in_checkpoint(path: Path) -> dict:
    return torch.load(path, weights_only=True)["callbacks"]["AdaptiveAlphaCallback"]


def plain_loop() -> tuple[nn.Module, AdaptiveAlpha]:
    alphas = levels()
    network = Segmenter(AdaptiveAlphaCallback(alphas)).network
    optimizer = optimizer_of(network)
    for _ in range(EPOCHS):
        for images, labels, index in DataLoader(dataset("train"), BATCH):
            logits = predict(network, images)
            optimizer.zero_grad()
            loss_of(logits, labels, alphas[index]).backward()
            optimizer.step()
            alphas.update(index, logits.detach(), labels, ignore_index=VOID)
        images, labels, _ = next(iter(DataLoader(dataset("validation"), 12)))
        accumulator = CountsAccumulator(ignore_index=VOID, logits=True)
        accumulator.update(predict(network, images).detach(), labels)
        alphas.observe(**scores(accumulator.counts, names=("accuracy", "confidence")))
    return network, alphas


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lightning")
    return folder, *fit(folder)


def test_the_levels_are_those_of_a_plain_loop(trained):
    """Neither the sanity check nor a validation by hand is observed."""
    folder, module, adaptive = trained
    trainer_of(folder / "again", adaptive).validate(module, verbose=False)
    network, alphas = plain_loop()
    assert adaptive.alphas.alpha.std() > 0.001  # the levels moved, and differ
    for ours, oracle in ((adaptive.alphas, alphas), (module.network, network)):
        torch.testing.assert_close(ours.state_dict(), oracle.state_dict())


def test_a_resumed_training_ends_alike_bit_for_bit(trained, tmp_path):
    _, module, adaptive = trained
    fit(tmp_path, epochs=1)
    again, resumed = fit(tmp_path, resumed=tmp_path / "epochs" / "last.ckpt")
    for ours, oracle in ((resumed.alphas, adaptive.alphas), (again, module)):
        torch.testing.assert_close(ours.state_dict(), oracle.state_dict(), rtol=0, atol=0)


def test_the_page_s_module_trains_and_its_alphas_move_after_the_warm_up(tmp_path, monkeypatch):
    page = (Path(__file__).parents[1] / "docs" / "own_loop.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n([^`]*LightningModule[^`]*)```", page)
    quiet = partial(lightning.Trainer, **QUIET, default_root_dir=tmp_path)
    monkeypatch.setattr(lightning, "Trainer", quiet)
    train_set = [(x / 255, y, i) for x, y, i in dataset("train")]
    network = nn.Conv2d(3, 1, 5, padding=2)
    names = {"network": network, "train_set": train_set, "epochs": 6}
    names["train_loader"] = DataLoader(train_set, BATCH)
    names["validation_loader"] = DataLoader([(x, y) for x, y, _ in train_set], BATCH)
    exec(block, names)
    alphas = names["alphas"]
    assert (alphas.observed.item(), alphas.warm_up) == (6, 5)
    assert (alphas.alpha > 0).any()
    images, labels = (torch.stack([item[k] for item in train_set]) for k in (0, 1))
    correct = (network(images) >= 0) == (labels == 1)
    torch.testing.assert_close(alphas.rule.accuracy, correct[labels != VOID].float().mean())


@pytest.mark.slow
def test_two_processes_have_the_same_levels_and_those_of_one(trained, tmp_path):
    folder, *_ = trained
    fit(tmp_path, strategy=f"ddp_{START}", devices=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    torch.testing.assert_close(first, torch.load(folder / "0.pt"))
    # Also in the middle of an epoch: rank 0, which writes, has moved but half of the levels.
    one, two = (in_checkpoint(each / "steps" / "step=8.ckpt") for each in (folder, tmp_path))
    torch.testing.assert_close(two, one)


NO_LABELS = {"logits": torch.zeros(4, 1), "labels": torch.full((4, 1), VOID)}


@pytest.mark.parametrize(
    ("step", "automatic", "returned", "message"),
    [
        ("training_step", True, {"labels": 0}, "training_step returned is .*a dict of logits"),
        ("validation_step", True, {"labels": 0}, "validation_step returned is .*a dict of logits"),
        # In manual optimisation, None does not skip a step, and alphas would never move.
        ("training_step", False, None, r"training_step returned is \[\]; expected a dict"),
        ("validation_step", True, NO_LABELS, "the number of pixels is 0; expected 1 or more"),
    ],
)
def test_what_steps_return_is_looked_at(tmp_path, monkeypatch, step, automatic, returned, message):
    def other(self, batch, batch_idx):
        return returned and {"loss": self.network[0].bias.sum(), **returned}

    monkeypatch.setattr(Segmenter, step, other)
    monkeypatch.setattr(Segmenter, "automatic_optimization", automatic)
    with pytest.raises(ValueError, match=message):
        fit(tmp_path)


@pytest.mark.filterwarnings("ignore:.training_step. returned .None.")
def test_a_step_that_is_skipped_moves_no_level(tmp_path, monkeypatch):
    whole = Segmenter.training_step

    def second_is_skipped(self, batch, batch_idx):
        return None if batch_idx == 1 else whole(self, batch, batch_idx)

    monkeypatch.setattr(Segmenter, "training_step", second_is_skipped)
    _, adaptive = fit(tmp_path)
    moved = adaptive.alphas.alpha > 0
    assert moved[:4].any() and not moved[4:8].any() and moved[8:].any()


def test_without_a_validation_no_level_would_ever_move(tmp_path):
    adaptive = AdaptiveAlphaCallback(levels(), VOID)
    with pytest.raises(ValueError, match="enable_validation is False; expected True"):
        trainer_of(tmp_path, adaptive, limit_val_batches=0).fit(Segmenter(adaptive))


def test_levels_inside_the_module_are_refused_where_ddp_would_overwrite_them():
    adaptive = AdaptiveAlphaCallback(levels(), VOID)
    module = Segmenter(adaptive)
    module.alphas = adaptive.alphas
    trainer = SimpleNamespace(world_size=1, enable_validation=True)
    adaptive.on_fit_start(trainer, module)
    trainer.world_size = 2
    with pytest.raises(ValueError, match="submodule of the LightningModule"):
        adaptive.on_fit_start(trainer, module)


def test_the_callback_takes_k_classes_as_a_plain_loop_does():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4, 3, 5, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (4, 5, 5), generator=generator)
    labels[0, 0], labels[1] = VOID, VOID
    index, options = torch.arange(4), {"warm_up": 0, "classes": 3}
    ours, oracle = (AdaptiveAlpha(4, MODERATION, "aslp_gap", **options).double() for _ in "12")
    callback = AdaptiveAlphaCallback(ours, VOID)
    trainer = SimpleNamespace(state=SimpleNamespace(fn="fit"), sanity_checking=False, world_size=1)
    outputs = {"logits": logits, "labels": labels, "index": index}
    callback.on_validation_epoch_start(trainer, None)
    callback.on_validation_batch_end(trainer, None, outputs)
    callback.on_validation_epoch_end(trainer, None)
    callback.on_train_batch_end(trainer, None, outputs)
    confidence, decisions = logits.softmax(dim=1).max(dim=1)
    known = labels != VOID
    accuracy = (decisions == labels)[known].double().mean().item()
    oracle.observe(accuracy, confidence[known].mean().item())
    oracle.update(index, logits, labels, ignore_index=VOID)
    # Counts round a confidence to a multiple of 1/4335.
    torch.testing.assert_close(ours.state_dict(), oracle.state_dict(), rtol=0, atol=1e-4)
    assert ours.rule.bound > 0 and ours.alpha.any()


def test_without_lightning_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    monkeypatch.delitem(sys.modules, "aslp_lib.lightning")
    with pytest.raises(ModuleNotFoundError, match=r"pip install -e '\.\[lightning\]'"):
        importlib.import_module("aslp_lib.lightning")
