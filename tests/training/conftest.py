import pytest
import torch


@pytest.fixture
def double(monkeypatch):
    """Train in float64, in which no order of a sum changes a digit that is compared."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
