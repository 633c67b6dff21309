"""A .tflite file as a graph: read it, change it, write it."""
