"""``edge-detector`` on the virtual camera."""

import sys

import virtual_camera  # noqa: F401 - before picamera2

from edge_detector.cli import main

sys.exit(main())
