"""A .tflite file as a graph that can be read, mended and written."""
