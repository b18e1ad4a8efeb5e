"""Batch and running statistics against torch, layer by layer: equal to rounding, in training and evaluation mode.

Torch computes in doubles; exact numbers are compared with its own within a few units of rounding of the values that
entered.  The network is read from the module, so the parameters are the same numbers.
"""

from fractions import Fraction

import numpy as np
import pytest

from exactcpa.network import BatchNorm, Network, TrainingBatchNorm
from exactcpa.network_file import load_network
from exactcpa.statistics import batch_statistics, freeze, freeze_running

torch = pytest.importorskip("torch")
nn = torch.nn

ROUNDING = 1e-12


def points(count, *shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *shape, dtype=torch.float64, generator=generator) * 2 + 1


def exact(batch):
    return [[Fraction(x) for x in point] for point in batch.reshape(len(batch), -1).tolist()]


def floats(rows):
    return np.array([[float(x) for x in row] for row in rows])


def close(values, expected):
    expected = np.asarray(expected)
    assert np.abs(np.asarray(values, dtype=float) - expected).max() <= ROUNDING * (1 + np.abs(expected).max())


def in_training(module):
    """The network of a module, its batchnorms in training mode; on images they share statistics over the pixels."""
    net = load_network(module.eval(), shape=getattr(module, "image", None))
    layers, norms = [], [part for part in module if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
    for layer in net.layers:
        if isinstance(layer, BatchNorm):
            part = norms.pop(0)
            pixels = len(layer.mean) // part.num_features
            layer = TrainingBatchNorm(
                gamma=layer.gamma, beta=layer.beta, epsilon=layer.epsilon, pixels=pixels
            )
        layers.append(layer)
    return Network(net.input, tuple(layers))


def deep(momentum=0.1, affine=True):
    torch.manual_seed(1)
    module = nn.Sequential(
        nn.Linear(3, 5),
        nn.BatchNorm1d(5, momentum=momentum, affine=affine),
        nn.LeakyReLU(0.25),
        nn.Linear(5, 4),
        nn.BatchNorm1d(4, momentum=momentum, eps=1e-3, affine=affine),
        nn.ReLU(),
        nn.Linear(4, 2),
        nn.BatchNorm1d(2, momentum=momentum, affine=affine),
    ).double()
    if affine:
        for part in module:
            if isinstance(part, nn.BatchNorm1d):
                nn.init.normal_(part.weight)
                nn.init.normal_(part.bias)
    return module


def images(momentum=0.1):
    torch.manual_seed(2)
    module = nn.Sequential(
        nn.Conv2d(2, 3, 2, padding=1),
        nn.BatchNorm2d(3, momentum=momentum),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(36, 2),
        nn.BatchNorm1d(2, momentum=momentum),
    ).double()
    module.image = (2, 3, 2)
    nn.init.normal_(module[1].weight)
    return module


def torch_inputs_of_batchnorms(module, batch):
    """What goes into every batchnorm, by hooks."""
    seen = []
    hooks = [
        part.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].detach().clone()))
        for part in module
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    output = module.train()(batch).detach()
    for hook in hooks:
        hook.remove()
    return seen, output


@pytest.mark.parametrize(("make", "shape"), [(deep, (3,)), (images, (2, 3, 2))])
def test_training_mode_layer_by_layer(make, shape):
    module = make()
    net, batch = in_training(module), points(7, *shape)
    seen, output = torch_inputs_of_batchnorms(module, batch)
    found = batch_statistics(net, exact(batch))
    assert len(found) == len(seen)
    for ours, values in zip(found, seen, strict=True):
        axes = (0,) if values.dim() == 2 else (0, 2, 3)
        repeats = len(ours.mean) // values.shape[1]
        assert ours.count == values.numel() // values.shape[1]
        close([float(m) for m in ours.mean], np.repeat(values.mean(axes), repeats))
        close([float(v) for v in ours.variance], np.repeat(values.var(axes, unbiased=False), repeats))
        close([float(v) for v in ours.unbiased], np.repeat(values.var(axes, unbiased=True), repeats))
    frozen = freeze(net, exact(batch))
    close(floats([frozen.forward(x) for x in exact(batch)]), output.numpy())


@pytest.mark.parametrize("momentum", [0.1, 0.5, 1.0, None])
@pytest.mark.parametrize(("make", "shape"), [(deep, (3,)), (images, (2, 3, 2))])
def test_running_statistics_and_evaluation_mode(make, shape, momentum):
    module = make(momentum=momentum)
    net = in_training(module)
    batches = [points(count, *shape, seed=count) for count in (5, 7, 4)]
    for batch in batches:
        module.train()(batch)
    frozen = freeze_running(net, [exact(batch) for batch in batches], momentum=momentum)
    parts = [part for part in module if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
    layers = [layer for layer in frozen.layers if isinstance(layer, BatchNorm)]
    for layer, part in zip(layers, parts, strict=True):
        repeats = len(layer.mean) // part.num_features
        close([float(m) for m in layer.mean], np.repeat(part.running_mean.numpy(), repeats))
        close([float(v) for v in layer.variance], np.repeat(part.running_var.numpy(), repeats))
    new = points(6, *shape, seed=99)
    close(floats([frozen.forward(x) for x in exact(new)]), module.eval()(new).detach().numpy())


def test_running_statistics_go_on_from_those_stored():
    """A module that was trained before: the network read from it starts where it stands."""
    module = deep()
    module.train()(points(8, 3, seed=3))
    net = load_network(module.eval())
    batch = points(5, 3, seed=4)
    module.train()(batch)
    frozen = freeze_running(net, [exact(batch)])
    for layer, part in zip(
        [layer for layer in frozen.layers if isinstance(layer, BatchNorm)],
        [part for part in module if isinstance(part, nn.BatchNorm1d)],
        strict=True,
    ):
        close([float(m) for m in layer.mean], part.running_mean.numpy())
        close([float(v) for v in layer.variance], part.running_var.numpy())


def test_without_gamma_and_beta():
    module = deep(affine=False)
    net, batch = in_training(module), points(6, 3)
    frozen = freeze(net, exact(batch))
    close(floats([frozen.forward(x) for x in exact(batch)]), module.train()(batch).detach().numpy())
