import pytest
import torch
from test_official import MEAN, STD, Executes
from torchvision.models import mobilenet_v2

from aslp_lib import networks


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_every_network(name):
    """Every parameter has a gradient, and logits have any size and a channel for each class."""
    network = networks.build(name)
    encoder = {id(p) for p in network.encoder.parameters()}
    names = {n for n, p in network.named_parameters() if id(p) in encoder}
    assert names == {n for n, _ in network.named_parameters() if n.startswith("encoder.")}
    network(torch.rand(1, 3, 64, 64)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    network.eval()
    for size in [(37, 61), (8, 5)]:
        assert network(torch.rand(1, 3, *size)).shape == (1, 1, *size)
    several = networks.build(name, channels=5).eval()
    assert several(torch.rand(1, 3, 37, 61)).shape == (1, 5, 37, 61)
    images = torch.randint(0, 256, (1, 3, 32, 64), dtype=torch.uint8)  # need no padding
    logits = network.segment((images.float() / 255 - MEAN) / STD)
    torch.testing.assert_close(network(images), logits)
    again = networks.build(name).eval()
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(again(images), logits)  # and no statistic has moved
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\)"):
        network(images[0])


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Save an object in torchvision's download cache; downloads themselves fail."""

    def refuse(*args, **kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    path = tmp_path / "hub" / "checkpoints" / "mobilenet_v2-b0353104.pth"
    path.parent.mkdir(parents=True)

    def put(content):
        torch.save(content, path)
        return path

    return put


def build_pretrained():
    return networks.build("mobilenet_v2", "IMAGENET1K_V1")


def test_what_is_no_network_no_weights_and_cannot_be_downloaded(cached, tmp_path):
    for name, weights, message in (
        ("huge", None, "the network is 'huge'; expected one of tiny"),
        ("tiny", "IMAGENET1K_V1", "no weights 'IMAGENET1K_V1'; expected None"),
        ("mobilenet_v2", "V9", "weights of mobilenet_v2 is 'V9'; expected one of IMAGENET1K_V1"),
    ):
        with pytest.raises(ValueError, match=message):
            networks.build(name, weights)
    with pytest.raises(ValueError, match=rf"{tmp_path}.*--weights None"):
        build_pretrained()


@pytest.mark.fault
def test_pretrained_weights_are_the_file_s_or_it_is_damaged(cached, tmp_path):
    source = mobilenet_v2(weights=None)
    path = cached(source.state_dict())
    for ours, theirs in zip(build_pretrained().encoder[0], source.features[:4], strict=True):
        torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()))
    good = path.read_bytes()
    for damaged in (good[:1000], b""):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{path.name}.*delete the file if it is damaged"):
            build_pretrained()
    for other in ({"x": Executes(tmp_path / "executed")}, [1, 2]):
        cached(other)
        with pytest.raises(ValueError, match=r"read from .*b0353104"):
            build_pretrained()
    assert not (tmp_path / "executed").exists()
