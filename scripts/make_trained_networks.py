"""Train the batch-normalised networks of data/ on real data and export them exactly.

    python -m venv .venv-train && .venv-train/bin/pip install "torch==2.13.0" scikit-learn
    .venv-train/bin/python scripts/make_trained_networks.py [NAME ...]

Three networks, each Linear - BatchNorm1d - ReLU twice, then Linear (float32, Adam, one thread, fixed seed):

    iris      4-[8,8]-3      150 flowers, inputs in centimetres (Fisher 1936)
    digits    64-[16,16]-10  1,797 images of 8 x 8 pixels, scaled by the exact factor 1/16 (Alpaydin 1998)
    moons     2-[8,8]-2      1,000 points of scikit-learn's two half circles, noise 0.15 (synthetic)

A quarter of each data set is kept for testing; the accuracies go to data/trained.json.  Every float32 is
written as the double that equals it, and batch normalisation with its running statistics, unfolded, so the
exported network is exactly the trained one.  Torch's own float32 evaluation of it rounds; the file does not.
Remaking gives the same bytes on the same version of torch and the same kind of processor, not everywhere.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch
from make_networks import DATA, text_of
from sklearn.datasets import load_digits, load_iris, make_moons
from sklearn.model_selection import train_test_split
from torch import nn


def data_of(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of shape (n, d) and classes of shape (n,)."""
    if name == "iris":
        return load_iris(return_X_y=True)
    if name == "digits":
        inputs, classes = load_digits(return_X_y=True)
        return inputs / 16, classes
    return make_moons(1000, noise=0.15, random_state=0)


def untrained(input_size: int, width: int, classes: int) -> nn.Sequential:
    """Linear - BatchNorm1d - ReLU twice, then Linear."""
    sizes = [(input_size, width), (width, width)]
    blocks = [layer for a, b in sizes for layer in (nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU())]
    return nn.Sequential(*blocks, nn.Linear(width, classes))


def train(model: nn.Sequential, inputs: torch.Tensor, classes: torch.Tensor, epochs: int) -> None:
    """Adam on cross entropy, batches of 32; an incomplete last batch is left out."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(inputs))
        for batch in order[: len(order) // 32 * 32].split(32):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(inputs[batch]), classes[batch]).backward()
            optimiser.step()
        schedule.step()
    model.eval()


def accuracy(model: nn.Sequential, inputs: torch.Tensor, classes: torch.Tensor) -> float:
    """The share of right answers, rounded to four decimals."""
    with torch.no_grad():
        return round((model(inputs).argmax(dim=1) == classes).double().mean().item(), 4)


def exported(model: nn.Sequential, input_size: int) -> dict:
    """The network file.  `Tensor.tolist` widens float32 to the equal double; json writes it to read back."""
    layers: list[dict] = []
    for layer in model:
        if isinstance(layer, nn.Linear):
            layers.append({"type": "linear", "weight": layer.weight.tolist(), "bias": layer.bias.tolist()})
        elif isinstance(layer, nn.BatchNorm1d):
            layers.append(
                {
                    "type": "batchnorm",
                    "mean": layer.running_mean.tolist(),
                    "variance": layer.running_var.tolist(),
                    "gamma": layer.weight.tolist(),
                    "beta": layer.bias.tolist(),
                    "epsilon": layer.eps,
                }
            )
        else:
            layers.append({"type": "relu"})
    return {"format": "exactcpa-network", "version": 1, "input": input_size, "layers": layers}


def range_of(inputs: np.ndarray) -> dict:
    """The box of the data, written in the decimals of the data set (exact strings)."""
    texts = [[str(value) for value in inputs.min(axis=0)], [str(value) for value in inputs.max(axis=0)]]
    return {"type": "box", "lower": texts[0], "upper": texts[1]}


def plane_through(corners: np.ndarray) -> dict:
    """The plane of three inputs: they are t = (0, 0), (1, 0), (0, 1); t runs over [-1/2, 3/2]^2."""
    origin, second, third = corners
    return {
        "type": "slice",
        "origin": origin.tolist(),
        "basis": np.stack([second - origin, third - origin], axis=1).tolist(),
        "within": {"type": "box", "lower": [-0.5, -0.5], "upper": [1.5, 1.5]},
    }


def domain_of(name: str, inputs: np.ndarray, classes: np.ndarray, held_out: np.ndarray) -> dict:
    """Where the network is looked at; `held_out` are the positions of the test points."""
    if name == "iris":
        return range_of(inputs)
    if name == "digits":
        first = [held_out[classes[held_out] == digit][0] for digit in (3, 5, 8)]
        return plane_through(inputs[first])
    return {"type": "box", "lower": [-2, -2], "upper": [3, 2]}


def make(name: str, width: int, epochs: int) -> dict:
    """Train, write the network and its domain, and return what is to be remembered."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    inputs, classes = data_of(name)
    tensors = torch.tensor(inputs, dtype=torch.float32), torch.tensor(classes)
    chosen = train_test_split(np.arange(len(inputs)), test_size=0.25, random_state=0, stratify=classes)
    (train_x, test_x), (train_y, test_y) = ([t[part] for part in chosen] for t in tensors)
    model = untrained(inputs.shape[1], width, int(classes.max()) + 1)
    train(model, train_x, train_y, epochs)
    (DATA / "networks" / f"{name}.json").write_text(text_of(exported(model, inputs.shape[1])))
    (DATA / "domains" / f"{name}.json").write_text(text_of(domain_of(name, inputs, classes, chosen[1])))
    return {
        "train_accuracy": accuracy(model, train_x, train_y),
        "test_accuracy": accuracy(model, test_x, test_y),
        "train_points": len(train_x),
        "test_points": len(test_x),
        "epochs": epochs,
        "torch": torch.__version__,
    }


def main() -> int:
    """Make the named networks, or all."""
    recipes = {"iris": (8, 100), "digits": (16, 60), "moons": (8, 60)}
    record = DATA / "trained.json"
    facts = json.loads(record.read_text()) if record.exists() else {}
    for name in sys.argv[1:] or recipes:
        facts[name] = make(name, *recipes[name])
        print(json.dumps({"network": name, **facts[name]}))
    record.write_text(json.dumps(facts, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
