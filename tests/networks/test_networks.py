import hashlib
from pathlib import Path

import pytest
import torch
from torch.nn.functional import max_pool2d, pixel_unshuffle
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

from aslp_lib import networks
from aslp_lib.networks.base import IMAGENET_MEAN, IMAGENET_STD


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_logits_of_any_size_and_a_gradient_for_every_parameter(name):
    network = networks.build(name)
    encoder = {id(p) for p in network.encoder_parameters()}
    names = {n for n, p in network.named_parameters() if id(p) in encoder}
    assert names == {n for n, _ in network.named_parameters() if n.startswith("encoder.")}
    network(torch.rand(2, 3, 64, 64)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    network.eval()
    for size in [(48, 48), (37, 61), (8, 5)]:
        assert network(torch.rand(1, 3, *size)).shape == (1, 1, *size)
    images = torch.randint(0, 256, (1, 3, 64, 32), dtype=torch.uint8)  # bytes, and no padding
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    expected = network.segment((images.float() / 255 - mean) / std)
    torch.testing.assert_close(network(images), expected)
    again = networks.build(name).eval()
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(images), network(images))


def is_hooked(network):
    return any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_features_are_the_encoder_s_stages(name):
    """The stages run one after another by hand, without hooks."""
    network = networks.build(name).eval()
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    found = network.pooled_features(images)
    x, expected = (images / 255 - network.mean) / network.std, []
    if name == "tiny":
        x = pixel_unshuffle(x, 2)
    with torch.no_grad():
        for number, stage in enumerate(network.feature_modules()):
            x = stage(max_pool2d(x, 2) if name == "tiny" and number else x)
            expected.append(x.flatten(2).double().mean(2).float())
    assert [each.shape[1] for each in found] == {
        "tiny": [16, 32, 64],
        "mobilenet_v2": [24, 32, 96, 320],
        "resnet50": [256, 512, 1024, 2048],
    }[name]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not is_hooked(network)
    assert not any(each.requires_grad for each in found)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.fault("a network fails while its features are collected", "its hooks are removed")
def test_hooks_are_gone_after_an_error():
    network = networks.build("tiny").eval()

    def fails(*_):
        raise RuntimeError("out of memory")

    network.up2.forward = fails
    with pytest.raises(RuntimeError, match="out of memory"):
        network.pooled_features(torch.rand(1, 3, 16, 16))
    assert not is_hooked(network)
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\)"):
        network.pooled_features(torch.rand(3, 16, 16))
    assert not is_hooked(network)


@pytest.mark.slow
def test_a_compiled_network_has_the_same_features():
    network = networks.build("tiny").eval()
    images = torch.rand(1, 3, 16, 16)
    expected = network.pooled_features(images)
    network.compile(backend="eager")
    network(images)
    torch.testing.assert_close(network.pooled_features(images), expected)


def test_a_network_without_features_or_a_pretrained_encoder_has_none():
    class Plain(networks.DenseNetwork):
        def segment(self, x):
            return x[:, :1]

    assert Plain().pooled_features(torch.rand(1, 3, 4, 4)) == []
    assert Plain().encoder_parameters() == []


def test_what_is_no_network_no_images_and_no_weights(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no network 'huge'"):
        networks.build("huge")
    with pytest.raises(ValueError, match="no pretrained weights"):
        networks.build("tiny", "IMAGENET1K_V1")
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\)"):
        networks.build("tiny")(torch.rand(3, 16, 16))

    def refuse(*args, **kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    with pytest.raises(RuntimeError, match=rf"{tmp_path}.*--weights None"):
        networks.build("mobilenet_v2", "IMAGENET1K_V1")


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Put an object where torchvision keeps what it downloaded, with or without its name's hash."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)

    def put(content: object, named: bool = True) -> Path:
        path = folder / "mobilenet_v2-b0353104.pth"
        torch.save(content, path)
        if named:
            path = path.rename(
                folder / f"mobilenet_v2-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
            )
            weights = MobileNet_V2_Weights.IMAGENET1K_V1.value
            monkeypatch.setattr(weights, "url", f"https://localhost/{path.name}")
        return path

    return put


def test_pretrained_weights_are_the_file_s(cached):
    source = mobilenet_v2(weights=None)
    cached(source.state_dict())
    network = networks.build("mobilenet_v2", "IMAGENET1K_V1")
    for ours, theirs in zip(network.encoder[0], source.features[:4], strict=True):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(a, b)
    with pytest.raises(ValueError, match="no weights 'V9': choose of IMAGENET1K_V1"):
        networks.build("mobilenet_v2", "V9")


@pytest.mark.fault(
    "a bit of torchvision's weights flips in the cache, or they are cut",
    "they are compared with the hash in their name before they are loaded: delete the file",
)
def test_a_damaged_file_of_pretrained_weights_is_named(cached):
    path = cached(mobilenet_v2(weights=None).state_dict())
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    for damaged in (bytes(flipped), good[:1000], b""):
        path.write_bytes(damaged)
        with pytest.raises(RuntimeError, match=rf"{path.name} is damaged.*Delete it"):
            networks.build("mobilenet_v2", "IMAGENET1K_V1")


@pytest.mark.fault(
    "the cached file of pretrained weights holds a list", "it is refused, with what to do"
)
@pytest.mark.fault("a weights file holds code", "nothing in it is executed")
def test_pretrained_weights_that_are_none(cached, tmp_path):
    expected = "could not be downloaded or read"
    for content, named in (
        ([1, 2], True),
        ([1, 2], False),
        ({"x": Executes(tmp_path / "x")}, True),
    ):
        cached(content, named)
        with pytest.raises(RuntimeError, match=expected if named else "Delete it"):
            networks.build("mobilenet_v2", "IMAGENET1K_V1")
    assert not (tmp_path / "x").exists()


class Executes:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))
