"""How many people are on each photograph of a folder: python examples/count_people.py photographs/"""

import sys

from edge_detector import watch

if len(sys.argv) != 2:
    sys.exit(__doc__)
for result in watch(sys.argv[1], classes="person", confidence=0.4):
    print(result.frame.file.name, len(result.detections))
