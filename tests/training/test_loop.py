import csv
import io
import shutil
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch import nn
from tqdm import tqdm

from aslp_lib import networks
from aslp_lib.config import PRESETS, Settings
from aslp_lib.data.base import derived_seed
from aslp_lib.methods import METHODS
from aslp_lib.networks import DenseNetwork
from aslp_lib.runs import MethodFolder
from aslp_lib.tensors import load_tensors, save_tensors
from aslp_lib.training import loop
from aslp_lib.training.batches import Batches, in_batches
from aslp_lib.training.checkpoints import TrainingState

SHORT = replace(PRESETS["demo"], epochs=4, limit=20, size=16, device="cpu").tuned(
    aslp={"alpha_warm_up": 1}
)


def fit(settings: Settings, method="calibration", folder=None):
    return loop.train(settings, settings.load_data(), method, folder, progress=False)


def same(first, second) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_seed_fixes_a_run():
    first, second = fit(SHORT), fit(SHORT)
    assert same(first.network, second.network)
    assert torch.equal(first.method.alphas.alpha, second.method.alphas.alpha)
    assert not same(first.network, fit(replace(SHORT, seed=1)).network)


def test_the_state_is_shown_after_each_epoch():
    epochs, levels = [], []

    def look(state: TrainingState) -> None:
        epochs.append(len(state.log))
        levels.append(state.method.alphas.alpha.mean().item())

    state = loop.train(SHORT, SHORT.load_data(), "calibration", progress=False, after_epoch=look)
    assert epochs == [1, 2, 3, 4]
    assert levels == [row["alpha_mean"] for row in state.log]


def test_other_precisions_in_one_process_do_not_stick():
    settings = replace(SHORT, epochs=1)
    plain = fit(settings, "bce").network
    fit(replace(settings, precision="bf16"), "bce")
    assert same(plain, fit(settings, "bce").network)


def test_loading_workers_change_nothing():
    settings = replace(SHORT, epochs=2, augment=True)
    assert same(
        fit(settings).network, fit(replace(settings, num_workers=2, cache_images=False)).network
    )


def test_draws_by_image_are_those_of_one_batch_after_another():
    """As version 0.1 drew them, and so the shipped weights were made."""
    order, uniform = loop._order_and_draws(23, seed=3, epoch=4)
    generator = torch.Generator().manual_seed(derived_seed(3, loop.SWITCHES, 4))
    for batch in in_batches(order, 5):
        assert torch.equal(uniform[batch], torch.rand(len(batch), generator=generator))


def test_bce_is_aslp_whose_alphas_never_move():
    frozen = fit(SHORT.tuned(aslp={"alpha_warm_up": 100}))
    assert same(frozen.network, fit(SHORT, "bce").network)


@pytest.mark.slow
def test_training_learns():
    log = fit(replace(SHORT, epochs=80, limit=20), "bce").log
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]


@pytest.mark.parametrize("method", ["calibration", "entropy", "measured_gap"])
def test_every_rule_trains_and_reports_its_alphas(method, tmp_path):
    folder = MethodFolder(tmp_path / method)
    free = {"constraint_weight": 0.0, "bound_gain": 1.0}
    trained = fit(replace(SHORT, limit=40).tuned(aslp=free), method, folder)
    with folder.per_image("alpha").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["stem"] for row in rows] == [f"train_{i:04d}" for i in range(40)]
    for row, alpha in zip(rows, trained.method.alphas.alpha.tolist(), strict=True):
        assert float(row["alpha"]) == pytest.approx(alpha, rel=1e-5)
    with folder.log.open() as file:
        log = list(csv.DictReader(file))
    assert [int(float(row["epoch"])) for row in log] == [1, 2, 3, 4]
    assert float(log[-1]["alpha_mean"]) == pytest.approx(trained.log[-1]["alpha_mean"], rel=1e-5)


def test_an_alpha_follows_its_own_image():
    """One image's labels are noise: the network cannot be right and sure there, so its alpha stays
    behind all others'."""
    settings = replace(SHORT, epochs=30).tuned(aslp={"constraint_weight": 0.0})
    data = settings.load_data()
    data.train.masks[7] = torch.rand(16, 16, generator=torch.Generator().manual_seed(0)) > 0.5
    alphas = loop.train(settings, data, "calibration", progress=False).method.alphas.alpha
    assert alphas.argmin() == 7


class Plain(DenseNetwork):
    """No BatchNorm: an image's logits do not depend on its batch."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))

    def segment(self, x):
        return self.layers(x)


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setattr(loop.networks, "build", lambda *_: Plain())


@pytest.mark.parametrize("limit", [20, 23])
def test_two_batches_of_five_step_as_one_of_ten(plain, double, limit):
    """So do alphas, which move after each batch by what the network said of their images: between
    two steps it stays the same network."""
    free = {"constraint_weight": 0.0, "alpha_step_size": 0.2}
    settings = replace(SHORT, limit=limit).tuned(aslp=free)
    whole, parts = fit(settings), fit(replace(settings, batch_size=5, accumulation_steps=2))
    assert whole.method.alphas.alpha.max() > 0.01
    torch.testing.assert_close(parts.method.alphas.alpha, whole.method.alphas.alpha)
    for a, b in zip(parts.network.parameters(), whole.network.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    for a, b in zip(parts.log, whole.log, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-9)
    single = fit(replace(settings, batch_size=5))
    assert single.log[-1]["loss"] != pytest.approx(whole.log[-1]["loss"], rel=1e-6)


@pytest.mark.skipif(
    not shutil.which("g++") or not Path(sysconfig.get_path("include"), "Python.h").exists(),
    reason="torch.compile needs a C++ compiler and Python's headers",
)
@pytest.mark.slow
@pytest.mark.timeout(600)  # a C++ compiler runs, too
def test_a_compiled_network_trains_to_the_same_loss(plain, double, tmp_path):
    settings = replace(SHORT, epochs=1)
    eager = fit(settings, "bce")
    compiled = fit(replace(settings, compile=True), "bce", MethodFolder(tmp_path))
    assert compiled.log[0]["loss"] == pytest.approx(eager.log[0]["loss"], rel=1e-9)
    saved = load_tensors(tmp_path / "weights.safetensors")[0]
    assert saved.keys() == eager.network.state_dict().keys()


@pytest.mark.fault(
    "the loss is not finite", "the training stops and says so; the last checkpoint is kept"
)
def test_a_loss_that_explodes_stops_the_run_and_keeps_the_last_checkpoint(tmp_path):
    folder = MethodFolder(tmp_path)
    fit(replace(SHORT, epochs=4), folder=folder)
    before = folder.checkpoint.read_bytes()
    settings = replace(SHORT, epochs=4, learning_rate=1e38)
    with pytest.raises(FloatingPointError, match="lower --learning-rate"):
        fit(settings, folder=MethodFolder(tmp_path / "other"))
    assert folder.checkpoint.read_bytes() == before
    assert not (tmp_path / "other" / "weights.safetensors").exists()


@pytest.mark.fault("a checkpoint was made with other settings", "it is refused")
def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    folder = MethodFolder(tmp_path)
    fit(replace(SHORT, epochs=1), folder=folder)
    with pytest.raises(ValueError, match="other settings"):
        fit(replace(SHORT, epochs=1, seed=9), folder=folder)


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors, facts: facts.pop("log"),
        lambda tensors, facts: facts.update(log=[]),
        lambda tensors, facts: facts.update(log=[1.0]),
        lambda tensors, facts: facts.update(settings="[1"),
        lambda tensors, facts: facts.update(settings=7),
        lambda tensors, facts: tensors.pop("method.alphas.alpha"),
        lambda tensors, facts: tensors.update({"optimizer.999.step": torch.ones(1)}),
        lambda tensors, facts: tensors.update({"optimizer.x": torch.ones(1)}),
    ],
)
@pytest.mark.fault(
    "a checkpoint has no log, or other entries than a checkpoint has",
    "it is refused and named, with what to do",
)
def test_a_checkpoint_that_is_none_is_named(tmp_path, damage):
    folder = MethodFolder(tmp_path)
    settings = replace(SHORT, epochs=1)
    fit(settings, folder=folder)
    tensors, facts = load_tensors(folder.checkpoint)
    damage(tensors, facts)
    save_tensors(folder.checkpoint, tensors, facts)
    with pytest.raises(ValueError, match=r"last\.safetensors is no checkpoint.*begin anew"):
        fit(settings, folder=folder)


class WithoutValues(Accelerator):
    """On the meta device, whose tensors have no values: what reads one fails."""

    device = torch.device("meta")


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["HI", "DM"])
@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"degraded_views"}))
def test_no_step_reads_the_device(monkeypatch, method, technique):
    """But for the bar, every `REFRESH` steps, and at the end: elsewhere than on a CPU a read waits
    until all that was asked of the device is done. (Degraded views are made on the host.)"""
    settings = replace(SHORT, limit=40, batch_size=2).tuned(aslp={"technique": technique})
    data, accelerator = settings.load_data(), WithoutValues(cpu=True)
    reads = []
    monkeypatch.setattr(loop, "_read", lambda value: reads.append(value) or 0.5)
    monkeypatch.setattr(loop, "REFRESH", 5)
    network = networks.build("tiny").to("meta")
    remembers = settings.method(method, 40).to("meta")
    remembers.begin(network)
    state = TrainingState(network, remembers)
    optimizer = torch.optim.SGD([{"params": network.parameters(), "peak": 0.1}], lr=0.1)
    batches = Batches(data.train, 0, accelerator)
    bar = tqdm(file=io.StringIO())
    loop.run_epoch(0, settings, batches, network, optimizer, state, bar)
    assert len(reads) == 4 * (1 + len(state.method.per_image())) + 1
    with pytest.raises(RuntimeError, match="meta"):
        reads[0].item()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("technique", ["HI", "DM"])
def test_no_step_waits_for_cuda(monkeypatch, technique):
    """The whole loop, with fused Adam, mixed precision and loading processes."""

    def read(value):
        torch.cuda.set_sync_debug_mode("default")
        number = value.item()
        torch.cuda.set_sync_debug_mode("error")
        return number

    def watched(*arguments):
        torch.cuda.set_sync_debug_mode("error")
        try:
            return epoch(*arguments)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    epoch = loop.run_epoch
    monkeypatch.setattr(loop, "_read", read)
    monkeypatch.setattr(loop, "run_epoch", watched)
    fit(
        replace(
            SHORT.tuned(aslp={"technique": technique}),
            device="auto",
            precision="bf16",
            num_workers=2,
            cache_images=False,
        )
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_same_loop_trains_on_cuda():
    trained = fit(replace(SHORT, epochs=80, device="auto", precision="bf16"))
    assert next(trained.network.parameters()).is_cuda
    assert trained.method.alphas.alpha.is_cuda
    assert trained.log[-1]["loss"] < 0.5 * trained.log[0]["loss"]
