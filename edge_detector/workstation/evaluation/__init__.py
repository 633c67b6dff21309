"""How good a model is: accuracy, latency, size, and the photographs that it got wrong."""
