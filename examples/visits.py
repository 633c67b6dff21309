"""Who comes, and how long they stay: python examples/visits.py film.mp4"""

import sys

from edge_detector import watch

if len(sys.argv) != 2:
    sys.exit(__doc__)
for result in watch(sys.argv[1]):
    for change in result.visits:
        if change.kind == "started":
            print(f"{change.visit.label} came")
        elif change.kind == "ended":
            print(f"{change.visit.label} left after {change.visit.duration_s:.0f} s")
