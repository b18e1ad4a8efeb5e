"""Adapters: what tools that people use say about a network, as claims for `crosscheck`.

One file a tool.  The tools are imported when they are used; nothing here needs any of them to be installed.

Main definitions, each in the file of its tool:
    claims_from_sampling, claims_from_attack, claims_from_bounds: Patterns; adversarial points; bounds.
    claims_from_autograd, claims_from_hulls, claims_from_polygons, claims_from_relucent: Maps; counts; partitions.
"""
