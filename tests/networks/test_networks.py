import pytest
import torch
from test_official import MEAN, STD, Executes
from torch.nn.functional import max_pool2d, pixel_unshuffle
from torchvision.models import mobilenet_v2

from aslp_lib import networks

CHANNELS = {
    "tiny": [16, 32, 64],
    "mobilenet_v2": [24, 32, 96, 320],
    "resnet50": [256, 512, 1024, 2048],
}


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_every_network(name):
    """Every parameter has a gradient, logits have any size, and features equal those of the
    encoder's stages run one after another, without hooks."""
    network = networks.build(name)
    encoder = {id(p) for p in network.encoder.parameters()}
    names = {n for n, p in network.named_parameters() if id(p) in encoder}
    assert names == {n for n, _ in network.named_parameters() if n.startswith("encoder.")}
    network(torch.rand(1, 3, 64, 64)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    network.eval()
    for size in [(37, 61), (8, 5)]:
        assert network(torch.rand(1, 3, *size)).shape == (1, 1, *size)
    images = torch.randint(0, 256, (1, 3, 32, 64), dtype=torch.uint8)  # need no padding
    x, features = (images.float() / 255 - MEAN) / STD, []
    logits = network.segment(x)
    torch.testing.assert_close(network(images), logits)
    if name == "tiny":
        x = pixel_unshuffle(x, 2)
    with torch.no_grad():
        for number, stage in enumerate(network.feature_modules()):
            x = stage(max_pool2d(x, 2) if name == "tiny" and number else x)
            features.append(x.flatten(2).double().mean(2).float())
    ours = network.pooled_features(images)
    assert [means.shape[1] for means in ours] == CHANNELS[name]
    torch.testing.assert_close(ours, features, rtol=1e-4, atol=1e-5)
    assert not any(means.requires_grad for means in ours)
    again = networks.build(name).eval()
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(again(images), logits)  # and no statistic has moved


@pytest.mark.fault
def test_hooks_are_gone_after_features_and_after_an_error():
    def fails(*_):
        raise RuntimeError("out of memory")

    network, images = networks.build("tiny").eval(), torch.rand(1, 3, 16, 16)
    network.pooled_features(images)
    assert not any(module._forward_hooks for module in network.modules())
    network.up2.forward = fails
    for wrong, error in ((images, RuntimeError), (images[0], ValueError)):
        with pytest.raises(error, match=r"out of memory|\(N, 3, H, W\)"):
            network.pooled_features(wrong)
        assert not any(module._forward_hooks for module in network.modules())


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

    assert Plain().pooled_features(torch.rand(1, 3, 4, 4)) == list(Plain().encoder) == []


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Save an object in torchvision's download cache; downloads themselves fail."""

    def refuse(*args, **kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)

    def put(content):
        path = folder / "mobilenet_v2-b0353104.pth"
        torch.save(content, path)
        return path

    return put


def build_pretrained():
    return networks.build("mobilenet_v2", "IMAGENET1K_V1")


def test_what_is_no_network_no_weights_and_cannot_be_downloaded(cached, tmp_path):
    for name, weights, message in (
        ("huge", None, "no network 'huge'"),
        ("tiny", "IMAGENET1K_V1", "no weights 'IMAGENET1K_V1'; expected None"),
        ("mobilenet_v2", "V9", "no weights 'V9'; expected one of IMAGENET1K_V1"),
    ):
        with pytest.raises(ValueError, match=message):
            networks.build(name, weights)
    with pytest.raises(RuntimeError, match=rf"{tmp_path}.*--weights None"):
        build_pretrained()


@pytest.mark.fault
def test_pretrained_weights_are_the_file_s_or_it_is_damaged(cached):
    source = mobilenet_v2(weights=None)
    path = cached(source.state_dict())
    for ours, theirs in zip(build_pretrained().encoder[0], source.features[:4], strict=True):
        torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()))
    good = path.read_bytes()
    for damaged in (good[:1000], b""):
        path.write_bytes(damaged)
        with pytest.raises(RuntimeError, match=rf"{path.name}.*delete the file if it is damaged"):
            build_pretrained()


@pytest.mark.fault
@pytest.mark.parametrize("code", [False, True])
def test_pretrained_weights_that_are_none(cached, tmp_path, code):
    cached({"x": Executes(tmp_path / "executed")} if code else [1, 2])
    with pytest.raises(RuntimeError, match=r"read from .*b0353104"):
        build_pretrained()
    assert not (tmp_path / "executed").exists()
