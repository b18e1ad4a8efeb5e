# The public names for editors and type checkers; `__init__.py` imports them at first use.

from exactcpa.boundary import DecisionBoundary, decision_boundary
from exactcpa.checker import Rejected, Report, Unfinished, Unreadable, check
from exactcpa.comparison import Comparison, compare
from exactcpa.count import CellCount, count_cells
from exactcpa.crosscheck import crosscheck
from exactcpa.crosscheck.claim import Claim
from exactcpa.crosscheck.claims_file import ClaimsFile, read_claims, save_claims
from exactcpa.crosscheck.judging import CrosscheckReport
from exactcpa.data_file import Data, load_data, save_data
from exactcpa.distance_to_partition import PartitionDistance, partition_distance, partition_distances
from exactcpa.distributions import Distribution
from exactcpa.domain import Box, Polytope, Slice
from exactcpa.domain import from_json as domain_from_json
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import (
    BadArgument,
    BadDomain,
    BadFile,
    BadNetwork,
    CertificateRejected,
    DimensionMismatch,
    ExactcpaError,
    InexactNumber,
    OutsideDomain,
    Undecided,
    WorkerLost,
)
from exactcpa.estimate import CostEstimate, estimate_cells
from exactcpa.export import export_partition
from exactcpa.general_margin import MarginInterval, margin_interval
from exactcpa.groups import Consecutive, Listed, Windows
from exactcpa.hard import HardCase, hard_cases
from exactcpa.ideal import IdealNetwork
from exactcpa.jittered_margins import MarginJitter, margin_jitter
from exactcpa.layers import (
    Abs,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    HardTanh,
    LeakyReLU,
    Linear,
    MaxOut,
    MaxPool,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
    TrainingBatchNorm,
)
from exactcpa.minibatch_summary import MinibatchReport
from exactcpa.minibatches import minibatch_networks, minibatch_report
from exactcpa.network import Network
from exactcpa.network_file import from_json as network_from_json
from exactcpa.network_file import load_network, save_network
from exactcpa.network_file import to_json as network_to_json
from exactcpa.partition import Partition, load_partition
from exactcpa.placement import batchnorm_report
from exactcpa.placement_report import BatchnormReport
from exactcpa.point_margins import Failure, Margin, margin, margins
from exactcpa.statistics import BatchStatistics, batch_statistics, freeze, freeze_running
from exactcpa.stream_folder import stream_progress
from exactcpa.surds import Surd

__all__ = [
    "Abs",
    "AvgPool2d",
    "BadArgument",
    "BadDomain",
    "BadFile",
    "BadNetwork",
    "BatchNorm",
    "BatchStatistics",
    "BatchnormReport",
    "Box",
    "CellCount",
    "CertificateRejected",
    "Claim",
    "ClaimsFile",
    "Comparison",
    "Consecutive",
    "Conv2d",
    "CostEstimate",
    "CrosscheckReport",
    "Data",
    "DecisionBoundary",
    "DimensionMismatch",
    "Distribution",
    "ExactcpaError",
    "Failure",
    "Flatten",
    "HardCase",
    "HardTanh",
    "IdealNetwork",
    "InexactNumber",
    "LeakyReLU",
    "Linear",
    "Listed",
    "Margin",
    "MarginInterval",
    "MarginJitter",
    "MaxOut",
    "MaxPool",
    "MinibatchReport",
    "Network",
    "OutsideDomain",
    "PReLU",
    "Partition",
    "PartitionDistance",
    "Polytope",
    "ReLU",
    "ReLU6",
    "Rejected",
    "Report",
    "Residual",
    "Slice",
    "Surd",
    "TrainingBatchNorm",
    "Undecided",
    "Unfinished",
    "Unreadable",
    "Windows",
    "WorkerLost",
    "__version__",
    "batch_statistics",
    "batchnorm_report",
    "check",
    "compare",
    "count_cells",
    "crosscheck",
    "decision_boundary",
    "domain_from_json",
    "enumerate_cells",
    "estimate_cells",
    "export_partition",
    "freeze",
    "freeze_running",
    "hard_cases",
    "load_data",
    "load_network",
    "load_partition",
    "margin",
    "margin_interval",
    "margin_jitter",
    "margins",
    "minibatch_networks",
    "minibatch_report",
    "network_from_json",
    "network_to_json",
    "partition_distance",
    "partition_distances",
    "read_claims",
    "save_claims",
    "save_data",
    "save_network",
    "stream_progress",
]

__version__: str
