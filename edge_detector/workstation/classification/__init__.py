"""Classifiers: pictures with their classes, and how many of them a model names rightly."""
