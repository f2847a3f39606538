import csv
import shutil
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch import nn
from torch._inductor import config as inductor_config
from torch.utils._python_dispatch import TorchDispatchMode
from tqdm import tqdm

from aslp_lib.config import PRESETS, Settings
from aslp_lib.data.image_set import derived_seed
from aslp_lib.methods import METHODS
from aslp_lib.networks import DenseNetwork
from aslp_lib.runs import MethodFolder, read_log
from aslp_lib.tensors import fingerprint, load_tensors, save_tensors
from aslp_lib.training import loop
from aslp_lib.training.batches import Batches, in_batches
from aslp_lib.training.checkpoints import TrainingState

SHORT = replace(PRESETS["demo"], epochs=4, limit=20, size=16, device="cpu").tuned(
    aslp={"alpha_warm_up": 1}
)
ONE_EPOCH = replace(SHORT, epochs=1)
FREE = {"constraint_weight": 0.0, "alpha_step_size": 0.2}
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def fit(settings: Settings, method="aslp_mc", folder=None):
    return loop.train(settings, settings.load_data(), method, folder, progress=False)


def same(first, second) -> bool:
    return fingerprint(first.state_dict()) == fingerprint(second.state_dict())


def test_a_seed_fixes_a_run():
    first, second = fit(SHORT), fit(SHORT)
    assert same(first.network, second.network)
    assert torch.equal(first.method.alphas.alpha, second.method.alphas.alpha)
    assert not same(first.network, fit(replace(SHORT, seed=1)).network)


def test_other_precisions_in_one_process_do_not_stick():
    plain = fit(ONE_EPOCH, "bce").network
    fit(replace(ONE_EPOCH, precision="bf16"), "bce")
    assert same(plain, fit(ONE_EPOCH, "bce").network)


def test_loading_workers_change_nothing_and_alone_need_shared_memory():
    settings = replace(SHORT, epochs=2, augment=True)
    by_workers = fit(replace(settings, num_workers=2, cache_images=False))
    assert same(fit(settings).network, by_workers.network)
    for workers in (0, 1):
        dataset = settings.load_data().train
        Batches(dataset, workers, Accelerator(cpu=True))
        assert dataset.epoch.is_shared() == (workers > 0)


def test_draws_by_image_are_those_of_one_batch_after_another():
    """So the shipped weights were made."""
    order, uniform = loop._order_and_draws(23, seed=3, epoch=4)
    generator = torch.Generator().manual_seed(derived_seed(3, loop.SWITCHES, 4))
    for batch in in_batches(order, 5):
        assert torch.equal(uniform[batch], torch.rand(len(batch), generator=generator))


def test_bce_is_aslp_whose_alphas_never_move():
    frozen = fit(SHORT.tuned(aslp={"alpha_warm_up": 100}))
    assert same(frozen.network, fit(SHORT, "bce").network)


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", pytest.param("auto", marks=needs_cuda)])
def test_training_learns(device):
    settings = replace(SHORT, device=device, precision="auto", learning_rate=0.02)
    assert fit(settings).method.alphas.alpha.is_cuda == (device == "auto")
    trained = fit(replace(settings, epochs=20), "bce")
    assert next(trained.network.parameters()).is_cuda == (device == "auto")
    assert trained.log[-1]["loss"] < 0.5 * trained.log[0]["loss"]


def test_what_is_shown_written_and_returned_are_one(tmp_path):
    folder, shown = MethodFolder(tmp_path), []

    def look(state: TrainingState) -> None:
        shown.append((len(state.log), state.method.alphas.alpha.mean().item()))

    settings = SHORT.tuned(aslp=FREE)
    data = settings.load_data()
    trained = loop.train(settings, data, "aslp_mc", folder, progress=False, after_epoch=look)
    assert shown == [(row["epoch"], row["alpha_mean"]) for row in trained.log]
    for row, written in zip(trained.log, read_log(folder.log), strict=True):
        assert written == pytest.approx(row, rel=1e-5)
    with folder.per_image("alpha").open() as file:
        alphas = {row["stem"]: float(row["alpha"]) for row in csv.DictReader(file)}
    expected = zip(data.train.stems, trained.method.alphas.alpha.tolist(), strict=True)
    assert alphas == pytest.approx(dict(expected), rel=1e-5)


class Plain(DenseNetwork):
    """No BatchNorm: an image's logits do not depend on its batch."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 1, 3, padding=1)

    def segment(self, x):
        return self.layer(x)


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setattr(loop.networks, "build", lambda *_: Plain())


@pytest.mark.parametrize("limit", [20, 23])
def test_two_batches_of_five_step_as_one_of_ten(plain, double, limit):
    """So do alphas, which move after each batch by what the network said of their images: between
    two steps it stays the same network."""
    settings = replace(SHORT, limit=limit).tuned(aslp=FREE)
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
def test_a_compiled_network_computes_the_same_loss(plain, tmp_path, monkeypatch):
    """After one step, in single precision: torch.compile ignores the patch of `double`, and further
    steps would amplify rounding. The cache is empty, since kernels for other instructions crash.
    To find out which vector instructions there are, or to compile headers in advance, would take as
    long as all the rest.
    """
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setattr("torch._inductor.cpu_vec_isa.valid_vec_isa_list", list, raising=False)
    if hasattr(inductor_config, "cpp_cache_precompile_headers"):  # torch 2.7 and newer
        monkeypatch.setattr(inductor_config, "cpp_cache_precompile_headers", False)
    settings = replace(ONE_EPOCH, limit=10)
    eager = fit(settings, "bce")
    compiled = fit(replace(settings, compile=True), "bce", MethodFolder(tmp_path))
    assert compiled.log[0]["loss"] == pytest.approx(eager.log[0]["loss"], rel=1e-5)
    saved = load_tensors(tmp_path / "weights.safetensors")[0]
    assert saved.keys() == eager.network.state_dict().keys()
    assert any((tmp_path / "kernels").iterdir())


@pytest.mark.fault
def test_a_loss_that_explodes_stops_the_run_and_keeps_the_last_checkpoint(tmp_path):
    folder, data = MethodFolder(tmp_path), SHORT.load_data()

    def explode(state: TrainingState) -> None:
        state.network.head.weight.data.fill_(torch.nan)

    with pytest.raises(FloatingPointError, match=r"nan in epoch 2.*Lower --learning-rate"):
        loop.train(SHORT, data, "bce", folder, progress=False, after_epoch=explode)
    assert {path.name for path in tmp_path.iterdir()} == {"last.safetensors", "log.csv"}
    assert len(load_tensors(folder.checkpoint)[1]["log"]) == 1


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Tensors and facts of a whole one."""
    folder = MethodFolder(tmp_path_factory.mktemp("trained"))
    fit(ONE_EPOCH, folder=folder)
    return load_tensors(folder.checkpoint)


NONE = "is not a checkpoint.*or remove the file"
OTHER = "made by another method or with other settings.*Resume the run with its own settings"


@pytest.mark.parametrize(
    ("tensors", "facts", "message"),
    [
        ({}, {"settings": replace(ONE_EPOCH, seed=9).to_json()}, OTHER),
        ({}, {"method": "bce"}, OTHER),
        ({}, {"settings": "[1"}, NONE),
        ({}, {"settings": 7}, NONE),
        ({}, {"log": None}, NONE),
        ({"method.alphas.alpha": torch.ones(3)}, {}, NONE),
        ({"optimizer.999.step": torch.ones(1)}, {}, NONE),
        ({"optimizer.x": torch.ones(1)}, {}, NONE),
    ],
)
@pytest.mark.fault
def test_a_checkpoint_of_another_training_or_of_none_is_refused(
    tmp_path, checkpoint, tensors, facts, message
):
    folder = MethodFolder(tmp_path)
    save_tensors(folder.checkpoint, checkpoint[0] | tensors, checkpoint[1] | facts)
    with pytest.raises(ValueError, match=rf"last\.safetensors .*{message}"):
        fit(ONE_EPOCH, folder=folder)


class WithoutValues(Accelerator):
    """On the meta device, whose tensors have no values: what reads one fails."""

    device = torch.device("meta")


class Reads(TorchDispatchMode):
    """Count where a value is read from a device other than the CPU, and let `read` do it."""

    def __init__(self, read):
        super().__init__()
        self.read, self.number = read, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is not torch.ops.aten._local_scalar_dense.default or args[0].is_cpu:
            return func(*args, **(kwargs or {}))
        self.number += 1
        return self.read(*args)


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"corruption_augmentation"}))
def test_no_step_reads_the_device(method):
    """But for the bar, every `REFRESH` steps, and at the end: elsewhere than on a CPU a read waits
    until all that was asked of the device is done. (Images are corrupted on the host.)"""
    images = 2 * loop.REFRESH + 1
    settings = replace(SHORT, limit=images, batch_size=1).tuned(aslp={"technique": "DM"})
    network = Plain().to("meta")
    kept = settings.method(method, images).to("meta")
    kept.begin(network)
    optimizer = torch.optim.SGD([{"params": network.parameters(), "peak": 0.1}], lr=0.1)
    state = TrainingState(network, kept, optimizer, network)
    batches = Batches(settings.load_data().train, 0, WithoutValues(cpu=True))
    with Reads(lambda _: 0.5) as reads, tqdm(disable=True) as bar:
        loop.run_epoch(0, settings, batches, state, bar)
    assert reads.number == 3 * (1 + len(kept.per_image())) + 1


@needs_cuda
def test_no_step_waits_for_cuda(monkeypatch):
    """The whole loop, with fused Adam, mixed precision and loading processes."""

    def read(value):
        torch.cuda.set_sync_debug_mode("default")
        number = value.item()
        torch.cuda.set_sync_debug_mode("error")
        return number

    def watched(*arguments):
        torch.cuda.set_sync_debug_mode("error")
        try:
            with Reads(read):
                return epoch(*arguments)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    epoch = loop.run_epoch
    monkeypatch.setattr(loop, "run_epoch", watched)
    settings = replace(SHORT, device="auto", precision="bf16", num_workers=2, cache_images=False)
    fit(settings.tuned(aslp={"technique": "DM"}))
