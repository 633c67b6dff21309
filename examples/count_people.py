"""How many people are on each photograph of a folder: python examples/count_people.py photographs/"""

import sys

from edge_detector import watch

with watch(sys.argv[1], classes="person", confidence=0.4) as results:
    for result in results:
        print(result.frame.file.name, len(result.detections))
