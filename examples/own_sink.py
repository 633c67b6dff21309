"""Your own sink, here a tally of what was seen: python examples/own_sink.py --source film.mp4"""

import sys
from collections import Counter
from contextlib import contextmanager

from edge_detector import cli
from edge_detector.registry import SINKS


@contextmanager
def tally(spec, context):
    seen = Counter()
    seen.write = lambda result: seen.update(found.label for found in result.detections)
    yield seen
    print(dict(seen))


SINKS["tally"] = "__main__:tally"
sys.exit(cli.main(["--sink", "tally", *sys.argv[1:]]) if sys.argv[1:] else __doc__)
