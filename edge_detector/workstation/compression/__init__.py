"""Techniques that train: quantization-aware training, pruning, clustering, and channels that are removed.

`tensorflow-model-optimization` has the first three, but it is no longer maintained and knows only layers of its own
list. Masks, centroids and rounding on the twin of a graph (`training.graph_twin`) are a few lines each.
"""
