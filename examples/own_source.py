"""A camera of your own: python examples/own_source.py --source snapshots:http://camera/capture --sink print"""

import sys
from itertools import count
from urllib.request import urlopen

from edge_detector import cli, decode_image
from edge_detector.registry import SOURCES


def snapshots(spec, config, model_size):
    for sequence in count():
        with urlopen(spec.argument, timeout=config.timeout) as answer:
            yield decode_image(answer.read(), name=spec.argument, sequence=sequence)


SOURCES["snapshots"] = "__main__:snapshots"
sys.exit(cli.main() if sys.argv[1:] else __doc__)
