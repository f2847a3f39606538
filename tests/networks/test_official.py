"""The paper's network compared with a reference implementation of the release, with its names, its
unused parts and its in-place steps. Both must give the same logits for the same weights."""

from copy import deepcopy
from functools import cache

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet50

from aslp_lib import networks
from aslp_lib.cli import main
from aslp_lib.data.folders import paper_layout
from aslp_lib.maps.read import read_map
from aslp_lib.networks.dense_network import IMAGENET_MEAN, IMAGENET_STD

MEAN, STD = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))


def conv3(inputs, outputs, dilation=1):
    return nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)


class Unit(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.relu = conv3(256, 256), conv3(256, 256), nn.ReLU(inplace=True)

    def forward(self, x):
        return self.conv2(self.relu(self.conv1(self.relu(x)))) + x  # in place, so x is relu(x)


class Path(nn.Module):
    def __init__(self):
        super().__init__()
        self.resConfUnit1, self.resConfUnit2 = Unit(), Unit()

    def forward(self, x, finer=None):
        if finer is not None:
            x = x + self.resConfUnit1(finer)
        x = self.resConfUnit2(x)
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


class Dilated(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.conv2d_list = nn.ModuleList(conv3(inputs, 256, d) for d in (3, 6, 12, 18))

    def forward(self, x):
        return torch.stack([conv(x) for conv in self.conv2d_list]).sum(0)


class Twin(nn.Module):
    """The network of the release, for normalised images whose sides are multiples of 32."""

    def __init__(self):
        super().__init__()
        self.resnet, second = resnet50(weights=None), resnet50(weights=None)
        self.resnet.layer3_1, self.resnet.layer4_1 = self.resnet.layer3, self.resnet.layer4
        self.resnet.layer3_2, self.resnet.layer4_2 = second.layer3, second.layer4
        del self.resnet.layer3, self.resnet.layer4, self.resnet.fc
        for stage, channels in enumerate((256, 512, 1024, 2048), start=1):
            setattr(self, f"conv{stage}", Dilated(channels))
            setattr(self, f"path{stage}", Path())
        double = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        narrow = conv3(256, 128), double, conv3(128, 32), nn.ReLU(inplace=True)
        self.output_conv = nn.Sequential(*narrow, nn.Conv2d(32, 1, 1))

    def forward(self, x):
        r = self.resnet
        x1 = r.layer1(r.maxpool(r.relu(r.bn1(r.conv1(x)))))
        x2 = r.layer2(x1)
        x3 = r.layer3_1(x2)
        x = self.path4(self.conv4(r.layer4_1(x3)))
        x = self.path3(x, self.conv3(x3))
        x = self.path2(x, self.conv2(x2))
        return self.output_conv(self.path1(x, self.conv1(x1)))


@pytest.fixture(scope="module")
def twin():
    with torch.device("meta"):  # the default weights would be drawn for nothing
        network = Twin().to_empty(device="cpu").eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for tensor in network.state_dict().values():
            if tensor.dim() == 1:
                nn.init.uniform_(tensor, 0.5, 1.5)
            elif tensor.dim() > 1:
                nn.init.kaiming_uniform_(tensor, a=5**0.5)
    return network


@pytest.fixture(scope="module")
def checkpoint(twin, tmp_path_factory):
    path = tmp_path_factory.mktemp("official") / "Model_30_Gen.pth"
    torch.save(twin.state_dict(), path)
    yield path
    path.unlink()


@pytest.mark.claim(
    "network",
    "With a checkpoint of the authors, the network computes their logits",
    "training: Full training on CUDA",
)
@pytest.mark.slow
@torch.inference_mode()
def test_an_official_checkpoint_gives_the_release_s_logits(twin, checkpoint):
    assert len(twin.state_dict()) == 562
    assert sum(p.numel() for p in twin.parameters()) == 90_737_921
    network = networks.load_official(checkpoint)
    assert not network.training
    network, twin = network.double(), deepcopy(twin).double()
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(1, 3, 64, 96, generator=generator, dtype=torch.float64)
    theirs = twin((images - MEAN) / STD)
    assert theirs.std() > 0.01  # there is something to compare
    torch.testing.assert_close(network(images), theirs)


@pytest.mark.slow
@torch.inference_mode()
def test_an_official_checkpoint_predicts_the_release_s_maps(twin, checkpoint, paper_root, capsys):
    maps = paper_root / "maps"
    arguments = ["predict", "--official", str(checkpoint), "--data", str(paper_root)]
    arguments += ["--out", str(maps), "--limit", "2", "--size", "64", "--device", "cpu"]
    assert main(arguments) == 0
    assert f"maps of SOD, DTD_Texture_500: {maps}" in capsys.readouterr().out
    assert {path.name for path in maps.iterdir()} == {"SOD", "DTD_Texture_500"}
    sod = paper_layout(paper_root, 64, limit=2).tests["SOD"]
    for i, stem in enumerate(sod.stems):
        image = (sod.load(i)[0] / 255 - MEAN) / STD
        probability = torch.sigmoid(twin(image[None]))
        oracle = F.interpolate(probability, size=sod.shape(i), mode="bilinear")[0, 0]
        predicted = torch.from_numpy(read_map(maps / "SOD" / f"{stem}.png"))
        assert (predicted - 255 * oracle).abs().max() <= 0.51
    assert main(arguments) == 1
    assert f"--out exists: {maps}; expected a new or an empty folder" in capsys.readouterr().err


@pytest.mark.claim(
    "network",
    "The network is a ResNet-50 with four fusion blocks at 384 x 384",
    "training: Full training on CUDA",
    numbers="67,494,657 parameters, 195.6 GFLOP an image",
)
def test_parameters_and_work_are_those_of_the_paper_s_network():
    """An image of 384 x 384 takes 195.6 GFLOP, with a multiply-add counted as two, and three times
    as many in training. Unused parts add nothing."""
    with torch.device("meta"):
        network = networks.build("resnet50").eval()
        with FlopCounterMode(display=False) as counter:
            logits = network(torch.rand(1, 3, 384, 384))
            forward = counter.get_total_flops()
            logits.sum().backward()
    assert logits.shape == (1, 1, 384, 384)
    assert sum(p.numel() for p in network.parameters()) == 67_494_657
    assert forward / 1e9 == pytest.approx(195.6, abs=0.05)
    assert counter.get_total_flops() == pytest.approx(3 * forward, rel=0.01)


@cache
def small_entries():
    """Entries that are small on disk, because each repeats one number."""
    with torch.device("meta"):
        entries = Twin().state_dict()
    return {k: torch.zeros((), dtype=v.dtype).expand(v.shape) for k, v in entries.items()}


def small_file(path, **changes):
    entries = small_entries() | changes
    torch.save({k: v for k, v in entries.items() if v is not None}, path)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conv3.conv2d_list.2.bias": None}, r"another network: 1 .* as reduce\.2\.convs\.2\.bias"),
        ({"head.weight": torch.ones(2)}, r"another network: 1 .* as head\.weight"),
        ({"output_conv.4.weight": torch.ones(1, 16, 1, 1)}, r"another network: 1 .* as head\.4\.w"),
        ({"resnet.bn1.bias": 3}, r"m\.pth .*it is not a dictionary of tensors"),
        ({"output_conv.4.bias": torch.ones(1).char()}, r"m\.pth holds .* is torch\.int8"),
        ({"output_conv.4.bias": torch.tensor([torch.nan])}, r"m\.pth holds NaN or infinity"),
    ],
)
@pytest.mark.fault
def test_entries_that_do_not_fit_are_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        networks.load_official(small_file(tmp_path / "m.pth", **changes))


class Executes:
    """Create a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


@pytest.mark.fault
def test_files_that_are_no_checkpoints_are_named_and_nothing_in_them_is_executed(tmp_path):
    path, weights = tmp_path / "m.pth", torch.arange(1000.0)

    def saved(content):
        torch.save(content, path)
        return path.read_bytes()

    whole, other = saved({"weights": weights}), (weights + 1).numpy().tobytes()
    for content, message in (
        *((part, "is damaged") for part in (b"", b"no weights", whole[:1000], whole[:2000])),
        (whole.replace(weights.numpy().tobytes(), other), "is damaged.*checksum"),
        (saved([torch.ones(1)]), "it is not a dictionary of tensors"),
        (saved({"x": Executes(tmp_path / "executed")}), "is damaged, .* holds more than tensors"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"m\.pth .*{message}"):
            networks.load_official(path)
    assert not (tmp_path / "executed").exists()
    with pytest.raises(FileNotFoundError, match=r"there is no file .*absent\.pth"):
        networks.load_official(tmp_path / "absent.pth")


def test_parts_that_never_run_may_be_absent(tmp_path):
    gone = ("resnet.layer3_2.0.conv1.weight", "path4.resConfUnit1.conv2.bias")
    networks.load_official(small_file(tmp_path / "m.pth", **dict.fromkeys(gone)))
