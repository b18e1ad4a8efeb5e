"""Adapters: what tools that people use say about a network, as claims for `crosscheck`.

One file a tool.  The tools are imported when they are used; nothing here needs any of them to be installed.
"""
