"""Frame to result: the model, what goes into it and what comes out of it."""

from edge_detector.detect.detector import Detector, open_detector

__all__ = ["Detector", "open_detector"]
