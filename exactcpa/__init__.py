"""exactcpa: the exact, certified partition of the input of a piecewise-affine network.

A network of linear, batch normalisation and piecewise-linear layers cuts a convex domain into
finitely many convex cells, with one affine map on each.  This package lists the cells, proves that
the list is right and complete, and writes the proof so that others can check it without this code.

Main definitions:
    load_network, Network      what is cut: a network with exact rational parameters.
    Box, Polytope, Slice       where: a bounded convex domain with rational data.
    enumerate_cells            the verb; gives a Partition.
    Partition, load_partition  the result: cells, facets, region graph, linear regions.
    check                      re-adds every certificate of a saved proof; standard library only.

Modules, in the order in which they may import each other (a module imports only what stands above
it; the checker imports nothing of the package at all):

    errors             one class per cause; every message is one sentence
    numbers            what a number means: exactly one rational
    vectors            vectors and matrices of fractions: read, multiplied, written
    parameters         nested lists and arrays of numbers, read as tuples of exact ones
    surds              exact real numbers with square roots
    batchnorm          the deployed reading of batch normalisation: one correctly rounded scale
    groups             which inputs a maximum or a mean is taken over
    layers             what one layer is and computes
    ideal_layer        a batchnorm with real numbers
    network            a chain of layers; its exact value at a point
    npz_file           networks from arrays
    torch_module       networks from torch modules
    dyadic_table       rationals that are doubles, as arrays
    network_file       the network file format, version 1, and every other source
    data_file          points, with labels perhaps, read exactly from a file
    statistics         exact batch statistics, layer by layer; networks with frozen ones
    stages             the lowered form: affine maps alternating with bends and maxima
    real_layers        layers on real numbers, formally and in balls
    real_statistics    mean and root of every unit on a batch, in real numbers
    ideal              the ideal reading: true square roots, of a batch or of running statistics
    exact_outcome      what an exact linear program can answer, each answer with its proof
    exact_dictionary   the tableau of integers over one denominator, and its pivots
    exact_simplex      integer dictionary simplex with Bland's rule: the last resort, always ends
    halfspaces         is there an interior, is it bounded, which rows matter
    domain             box, H-polytope and slice, proved bounded and full-dimensional
    geometry           vertices, facets and volumes of a cell, exact
    switch_form        a network as lines and the decisions that join them
    patterns           the decisions of a cell as words of bits, as one integer, as pieces
    float_form         rounded copies of a switch form, with proved error bounds
    kernels.plain_indices  compilation in which a negative index does not count from the end
    kernels.parts      compilation of what only other kernels call
    kernels.bits       sets of up to 64 things as the bits of a word
    kernels.state      the working arrays of the split tree
    kernels.filters    rigorous filters: when a comparison made in doubles is a proof
    kernels.corners    facets found in passing, at the corners that linear programs visit
    kernels.simplex    dictionary simplex in doubles: proposes, never decides
    kernels.ties       maxima of exactly zero: combinations of rows that have to be
    kernels.integers   small integer systems solved exactly: ties settled in the kernel
    kernels.questions  does a line change sign on a node, is a row a facet of it
    kernels.centring   points moved away from the walls of their node
    kernels.twins      lines that are multiples of a row
    kernels.records    what the walk writes: the records of the proof, and the results
    kernels.nodes      points, rows, dictionary and children of a node of the split tree
    kernels.expansions  lines of deep layers in two or three doubles a coefficient, accurate again
    kernels.layers     the next layer's lines, accumulated as the decisions fall
    kernels.rows       which rows of a finished layer or cell are redundant, which are facets
    kernels.contest    maxima of three and more lines: who wins somewhere on a node
    kernels.tree       the split tree, walked depth first
    kernels.sizes      sizes that are part of a kernel's type
    kernels.vert_state  the vertices of the nodes on the stack
    kernels.vertex_inlets  what the walk by vertices takes over from the other kernels
    kernels.vertices   vertices: positions, signs of lines there, and new ones on edges
    kernels.vertex_proofs  what a vertex proves
    kernels.vertex_points  points inside a node and beyond its facets, by means of vertices
    kernels.vertex_drops  does a switch cut a node?
    kernels.vertex_splits  the switch to split a node by, and the new vertices
    kernels.vertex_sides  the two sides of a split node
    kernels.vertex_rows  rows that became redundant, and the facets of a cell
    kernels.vertex_boxes  boxes around nodes, and the switches that they decide
    kernels.vertex_layers  the next layer of a node, and rows that cut it off
    kernels.vertex_groups  groups decided on a node walked by vertices
    kernels.vertex_tree  the split tree walked by the vertices of its nodes
    kernels.graph      what lies across a facet, in doubles with proved bounds
    kernels.matching   cells found by their patterns, a part of the table at a time
    kernels.nearest    least vectors of polyhedra in doubles, with lower bounds that are proofs
    kernels.margins    how near a tie of two outputs is on many cells: rigorous bounds
    kernels.attack     a guess of the margin, by going downhill
    kernels.enclosures  layers to come, enclosed between affine functions on a ball
    kernels.descent    the nearest tie by branch and bound
    kernels.loaded     the compiled kernels, ready before the clock starts
    exact_lines        the lines of a cell as exact integers
    exact_points       points as integers over one denominator
    real_lines         the lines of a cell as exact real numbers
    real_programs      linear programs over real rows: proved with enclosures, ties formally
    settle             exact answers to what the float filter leaves open
    choose             maxima of three and more lines: who wins somewhere on a node
    vertex_side        the vertices of a walk seen from outside the kernels: exact answers about them
    subtree            a node taken off the stack, to be walked by another
    walk               the walk over the split tree: compiled steps, exact answers in between
    cell               one cell, exactly: rows with the facets marked, flat units, affine map
    location           the closed cells that contain a point
    own_cell           the cell of one point, found without any other
    residues           affine maps of cells modulo a prime: values that differ prove that the maps differ
    adjacency          the region graph and the linear regions
    mapped_files       arrays in files: read, or worked on, without being in memory
    adjacency_on_disk  the region graph of more cells than memory holds
    results            what was found, as arrays
    shared_slots       memory in which workers leave arrays for their parent
    worker_pool        processes of this machine that end whatever happens
    parallel           subtrees walked by several processes, results in the order of one walk
    partition_file     blocks of a .cpa file, appearing whole or not at all
    partition_blocks   the results as blocks, and read again with every block checked
    stream_place       whether a path is the folder of a streamed enumeration, and its partition file
    partition          the result in memory and its views
    comparison         two partitions compared by patterns and edges
    segments           finished tasks of a streamed enumeration in a file that is whole or does not count
    stream_folder      what was begun in a folder, what is done, and that one process alone is at work
    stream_walk        a walk whose results go to disk
    stream_assembly    segments put together into one partition file
    export_tables      cells and shared facets as columns, block by block
    export             a partition as Parquet, CSV, GraphML or npz
    progress           a line on stderr: how far a walk is
    enumerate          the verb: network and domain in, partition out
    count_maps         how many affine maps there are at least: values modulo primes
    count              counting cells, every decision proved, nothing kept but totals
    estimate_tree      parts of the split tree, walked for a forecast
    estimate           a forecast of cells, time and bytes from sampled subtrees, with what it may be off
    distributions      how often each exact value came up, with its exact moments
    batch_families     all mini-batches of a size, or a seeded part of them
    integer_steps      many batches through one network, in integers
    hyperplane_shifts  where the hyperplanes of batch-normalised units lie, in their own features
    minibatch_record   what one mini-batch makes of a network
    minibatch_file     records of mini-batches in a file that a cut run resumes
    minibatch_laws     sampling without replacement and rigid translation, checked exactly
    minibatch_summary  what is told of a family of mini-batches
    minibatch_tally    counting records into exact distributions
    minibatches        all mini-batches of a data set, and what they make of a network
    tables             facts as aligned lines, for people
    nearest_point      the nearest point of a polyhedron in l2: a dual active set, in rationals
    norms              l2, l1 and l_inf with weights, and their duals
    nearest_linear     the least point of a polyhedron in l1 or l_inf: a dual simplex method
    nearest_float      many nearest-point problems at once in doubles: bounds and active sets
    nearest_on         the nearest point of a polyhedron in any of these norms, with its proof
    relative_interior  polyhedra of any dimension: their hull, and a point strictly inside it
    boundary           where the largest outputs tie, as pieces over the cells
    cone_bounds        bounds of convex cone programs, proved from approximate solutions
    general_margin     margins in any convex length that cvxpy can write, as proved intervals
    lots               many small tasks shared out to processes, answered in order
    margin_ground      what the margins of many points of one network share
    margin_search      the nearest point of another class: boxes that provably hold it, rigorous bounds, exact ends
    staged_search      the same for weights of very different size: in larger and larger boxes around the point
    margin_multipliers  for one cell and rival class: why no tie is nearer than the margin
    margin_file        the certificate of a margin: a partition around the point with these reasons
    point_margins      the verbs: the margin of a point, and of many
    unit_networks      one unit's bent hyperplane as a decision boundary
    distance_to_partition  from a point to the nearest switching hyperplane, or to one unit's
    real_quotients     quotients of sums of square roots
    placement_variants  what batchnorm is compared with: the same weights without it
    jittered_margins   margins under every mini-batch
    placement_parents  the cells of the layers before a unit, and its bent hyperplane on them
    placement_units    what a batch says about every unit's hyperplane; what a unit does on a domain
    placement_ideal    feature-space numbers with true square roots
    placement_distances  from samples to bent hyperplanes and to the boundary of the partition
    placement_folds    angles of bent hyperplanes where they cross earlier ones
    placement_windows  how many cells meet a cube around a point
    placement_report   the report as a value: tables, JSON, CSV, lines
    placement          the verb: where every hyperplane lies, with batchnorm and without
    checker            the trusted part: one file, standard library only, runs alone
    evidence_checker   evidence of cross-checks, added up again: one file beside the checker, standard library only
    theorems.statement    a claim with hypotheses, examined on any network and data; verdicts and evidence
    theorems.plain        plain rational arithmetic for whoever re-adds evidence; standard library only
    theorems.readd_centring  the evidence of A1, A1', A2, A3, added up again
    theorems.layer_view   the batchnorm layers of a network on a batch, each with the affine map before it
    theorems.arrangement_cells  the arrangement of one layer, in a box that provably meets all its cells
    theorems.readd_arrangements  the evidence of A4, A4b, A4c, added up again
    theorems.arrangements  how many cells a batch-normalised layer has: A4, A4b, A4c
    theorems.local_lines  the cell of one point in all of input space
    theorems.readd_distances  evidence about distances, added up again: A6, level sets
    theorems.distances    how far a point is from the boundary of its cell: A6
    theorems.level_sets   level sets of a unit in input space, and the exact distances of points to them
    theorems.scales       batchnorms as affine maps with a chosen scale
    theorems.readd_folding  the evidence of A7, A8a, A8b, A8c, added up again
    theorems.bent_distances  bent hyperplanes are not nearest to the data: A7, A8c
    theorems.folding      how a layer folds what comes after it: A8a
    theorems.absorbed_scales  where scales are written does not matter: A8b
    theorems.centring     where batchnorm puts a unit's hyperplane: A1, A1', A2, A3
    theorems.moments      variances, and signs with one square root, in plain fractions
    theorems.normalised_units  units after a batchnorm, one by one, and the evidence about them
    theorems.batches      which mini-batches a statement is examined on
    theorems.readd_splitting  evidence about splitting, re-added
    theorems.splitting    does every unit, or the decision, have samples of a batch on both sides
    theorems.readd_minibatches  evidence about mini-batches, re-added
    theorems.minibatches  mini-batches: moments of their statistics, translations of the first layer
    theorems.readd_translations  evidence about breakpoints and windows, re-added
    theorems.translations  what gamma, beta and breakpoints do to a hyperplane
    theorems.windows      which windows a unit's hyperplane meets
    theorems.angles       angles over pi, enclosed by fractions
    theorems.readd_isotropic  evidence about random hyperplanes, re-added
    theorems.isotropic    random hyperplanes through a centre: two points, two clusters
    theorems.readd_intersections  evidence about what hyperplanes have in common, re-added
    theorems.centred_layers  when first-layer hyperplanes have a common point; bounded cells
    theorems.common_points  the set that every second-layer bent hyperplane contains
    theorems.expected_cells  cells that meet a window in expectation, with batchnorm and without
    theorems.identities   identities of the ledger proved for all sizes, with sympy
    theorems.ledger       every statement by its id, and the verb that examines them
    crosscheck.claim      claims of tools, verdicts on them, and what their evidence means
    crosscheck.interior_points  a point inside many rows, or why there is none; quick in high dimension
    crosscheck.context    what judging needs of a network: any cell by its pattern, all cells only if asked
    crosscheck.claim_fields  the fields of a claim, read exactly
    crosscheck.judge_counts  how many cells, linear regions, facets, maps
    crosscheck.judge_patterns  lists of patterns
    crosscheck.judge_adjacency  pairs of cells that share a facet
    crosscheck.judge_affine  affine maps on cells and around points
    crosscheck.flat_part  parts of the domain in coordinates of their own span; points
    crosscheck.part_of_domain  the cells of a box, a ball or a hull of points, with their proof
    crosscheck.plane_regions  polygons that somebody claims, compared exactly with cells
    crosscheck.judge_regions  polygons and half-spaces in the plane
    crosscheck.judge_bounds  bounds of outputs and pre-activations
    crosscheck.judge_local  what meets a ball, a box or a hull of points
    crosscheck.judge_volume  volumes of cells and classes
    crosscheck.judge_distance  distances to other cells and units, margins, adversarial points
    crosscheck.judge_batchnorm  statistics, centroids, offsets of hyperplanes
    crosscheck.claims_file  files of claims, version 1
    crosscheck.summary    precision, recall, signed errors, the worst claims
    crosscheck.judging    the verb: claims in, verdicts with evidence out
    crosscheck.report_html  a cross-check as one web page
    description        what is in a network, domain or partition file
    picture            a 2-D partition drawn with characters
    boundary_picture   a 2-D decision boundary drawn with characters
    commands           the commands enumerate, check and info
    export_command     the command export
    bn_command         the command bn: the placement report
    minibatch_command  the command minibatches
    margin_table       margins of many points as a table, CSV or JSON; quantiles, a histogram
    margin_command     the command margin: many points, tables, quantiles, a histogram
    count_command      the command count
    estimate_command   the command estimate
    verify_command     the command verify
    crosscheck_command  the command crosscheck
    demo               a trained network enumerated, proved and checked, told in a few lines
    adapters.float_network  a network as float tools see it
    adapters.sampling  activation patterns from samples
    adapters.relucent_adapter  complexes of relucent
    adapters.polygons  lists of polygons, as tools for slices give them; clipping in floats
    adapters.autograd  local affine maps from torch's autograd
    adapters.attacks   adversarial points from a PGD-type attack
    adapters.interval_bounds  interval bound propagation in floats; auto_LiRPA
    adapters.hull_complexity  the hull-based measure of local complexity
    hard               the degenerate collection: networks on which float tools go wrong, with proved counts
    hard_command       the command hard
    testing            for the tests of other tools: claims asserted, failures with the witness
    cli                the command line: arguments, errors, exit codes

The names below are imported on first use, so that ``import exactcpa`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Module -> its public names.  `__getattr__` finds them at first use (PEP 562); `__init__.pyi` repeats them.
_NAMES = {
    "network_file": ("load_network", "save_network"),
    "network": ("Network",),
    "layers": (
        *("Linear", "BatchNorm", "TrainingBatchNorm", "Conv2d", "AvgPool2d", "Flatten", "Residual"),
        *("ReLU", "LeakyReLU", "PReLU", "Abs", "HardTanh", "ReLU6", "MaxOut", "MaxPool"),
    ),
    "groups": ("Consecutive", "Listed", "Windows"),
    "data_file": ("Data", "load_data", "save_data"),
    "ideal": ("IdealNetwork",),
    "surds": ("Surd",),
    "statistics": ("BatchStatistics", "batch_statistics", "freeze", "freeze_running"),
    "domain": ("Box", "Polytope", "Slice"),
    "enumerate": ("enumerate_cells",),
    "count": ("CellCount", "count_cells"),
    "estimate": ("CostEstimate", "estimate_cells"),
    "distributions": ("Distribution",),
    "minibatches": ("minibatch_networks", "minibatch_report"),
    "minibatch_summary": ("MinibatchReport",),
    "jittered_margins": ("MarginJitter", "margin_jitter"),
    "distance_to_partition": ("PartitionDistance", "partition_distance", "partition_distances"),
    "placement": ("batchnorm_report",),
    "placement_report": ("BatchnormReport",),
    "point_margins": ("Failure", "Margin", "margin", "margins"),
    "partition": ("Partition", "load_partition"),
    "stream_folder": ("stream_progress",),
    "export": ("export_partition",),
    "hard": ("HardCase", "hard_cases"),
    "boundary": ("DecisionBoundary", "decision_boundary"),
    "general_margin": ("MarginInterval", "margin_interval"),
    "comparison": ("Comparison", "compare"),
    "crosscheck": ("crosscheck",),
    "crosscheck.judging": ("CrosscheckReport",),
    "crosscheck.claim": ("Claim",),
    "crosscheck.claims_file": ("ClaimsFile", "read_claims", "save_claims"),
    "checker": ("check", "Report", "Rejected", "Unfinished", "Unreadable"),
    "errors": (
        *("ExactcpaError", "BadArgument", "BadDomain", "BadFile", "BadNetwork", "CertificateRejected"),
        *("DimensionMismatch", "InexactNumber", "OutsideDomain", "Undecided", "WorkerLost"),
    ),
}
_RENAMED = {
    "network_from_json": ("network_file", "from_json"),
    "network_to_json": ("network_file", "to_json"),
    "domain_from_json": ("domain", "from_json"),
}
_EXPORTS = {name: (module, name) for module, names in _NAMES.items() for name in names} | _RENAMED

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use and keep it."""
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _EXPORTS[name]
    value = getattr(import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
