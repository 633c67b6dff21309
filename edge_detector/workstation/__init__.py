"""The workstation side: makes, converts and measures the models that the device side runs.

The files convert, distill, evaluate and train are the commands of these names; the folders hold what they are made of.
"""
