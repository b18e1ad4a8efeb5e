"""Modules of torch: the network has the exact parameters and the value that torch computes in doubles."""

import numpy as np
import pytest

from exactcpa.errors import BadNetwork, DimensionMismatch
from exactcpa.network_file import load_network
from exactcpa.torch_module import is_module

torch = pytest.importorskip("torch")
nn = torch.nn


def trained(*layers):
    """A module in doubles with statistics that are not the initial ones, in evaluation mode."""
    torch.manual_seed(0)
    module = nn.Sequential(*layers).double()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) and part.track_running_stats:
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return module.eval()


def expect_same_value(module, shape, net):
    x = torch.randn(1, *shape, dtype=torch.float64)
    exact = net.forward(x.numpy().ravel())
    # Torch rounds: this compares to many digits, and the exact parameters are compared in other tests.
    error = np.abs(module(x).detach().numpy().ravel() - np.array([float(value) for value in exact]))
    assert error.max() < 1e-12


def test_base_case_parameters_are_exact():
    module = trained(
        nn.Linear(3, 2), nn.BatchNorm1d(2), nn.LeakyReLU(0.25), nn.Linear(2, 1, bias=False)
    ).float()
    linear, norm, leaky, last = load_network(module).layers
    assert [[float(w) for w in row] for row in linear.weight] == module[0].weight.tolist()
    assert [float(v) for v in norm.variance] == module[1].running_var.tolist()
    assert float(norm.epsilon) == 1e-5
    assert float(leaky.slope) == 0.25
    assert last.bias == (0,)


def test_value_of_a_nested_chain():
    inner = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4, affine=False), nn.PReLU(4), nn.Dropout())
    module = trained(nn.Linear(3, 5), nn.PReLU(), inner, nn.Identity(), nn.Hardtanh(-0.5, 2), nn.ReLU6())
    expect_same_value(module, (3,), load_network(module))


def test_value_on_images():
    module = trained(
        nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=1),
        nn.BatchNorm2d(3),
        nn.PReLU(3),
        nn.MaxPool2d(2),
        nn.AvgPool2d((1, 2)),
        nn.Flatten(),
        nn.Linear(6, 5),
    )
    expect_same_value(module, (2, 8, 6), load_network(module, shape=[2, 8, 6]))


class Doubling(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ([nn.Linear(2, 2), nn.Tanh()], None, r"layer 1 \(Tanh\), expected one of Linear"),
        ([Doubling(2, 2)], None, "expected a module with a Linear"),
        ([nn.Linear(2, 2), Doubling(2, 2)], None, r"layer 1 \(Doubling\), expected one of Linear"),
        ([nn.ReLU()], None, "expected a module with a Linear"),
        ([nn.Conv2d(1, 1, 1)], None, "needs shape"),
        ([nn.Conv2d(2, 2, 1, groups=2)], [2, 2, 2], "option groups: expected 1, got 2"),
        ([nn.Conv2d(1, 1, 1, padding="same")], [1, 2, 2], "option padding"),
        ([nn.MaxPool2d(2, padding=1)], [1, 4, 4], "option padding: expected 0"),
        ([nn.AvgPool2d(2, ceil_mode=True)], [1, 5, 5], "option ceil_mode"),
        ([nn.ReLU(), nn.Linear(4, 1)], [1, 1, 4], r"layer 1 \(Linear\), expected a Flatten"),
        ([nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)], None, "field mean: missing"),
    ],
)
def test_rejects_modules(layers, shape, message):
    with pytest.raises(BadNetwork, match=message):
        load_network(trained(*layers), shape=shape)


def test_rejects_training_mode_hooks_and_shapes():
    module = trained(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with pytest.raises(BadNetwork, match=r"layer 1 \(BatchNorm1d\), .*call eval"):
        load_network(module.train())
    module.eval()[0].register_forward_hook(lambda *_: None)
    with pytest.raises(BadNetwork, match=r"layer 0 \(Linear\), expected no forward hooks"):
        load_network(module)
    with pytest.raises(DimensionMismatch, match=r"^layer 1 \(Linear\), field weight: expected 2"):
        load_network(trained(nn.Linear(2, 2), nn.Linear(3, 1)))
    with pytest.raises(DimensionMismatch, match="field shape: expected 3"):
        load_network(trained(nn.Flatten(), nn.Linear(2, 1)), shape=[1, 2])


def test_other_values_are_no_modules():
    assert is_module(nn.Linear(1, 1))
    assert not any(map(is_module, (3, "net.json", nn, nn.Linear)))
