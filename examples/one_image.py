"""What is on one photograph: python examples/one_image.py photo.jpg"""

import sys

from edge_detector import open_detector

if len(sys.argv) != 2:
    sys.exit(__doc__)
with open_detector(confidence=0.4) as detector:
    result = detector.detect(sys.argv[1])
for found in result.detections:
    print(f"{found.label} {found.score:.0%} at", *(round(edge) for edge in found.box))
