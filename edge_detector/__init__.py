"""Real-time object detection with quantized TFLite models on a Raspberry Pi."""

__version__ = "0.1.0"
