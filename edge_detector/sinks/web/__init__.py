"""``--sink web[:HOST:PORT]``: the live picture, what is seen, how fast, and the detector's settings on one page."""

from edge_detector.sinks.web.sink import WebSink

__all__ = ["WebSink"]
