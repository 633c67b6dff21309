"""``--sink web[:HOST:PORT]``: the live picture, detections, speed and settings of the detector on one page."""

from edge_detector.sinks.web.sink import WebSink

__all__ = ["WebSink"]
