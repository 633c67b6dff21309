"""Act when a dog comes, once for each visit, here by taking its picture: python examples/dog_seen.py 0"""

import sys

import cv2

from edge_detector import annotate, watch

if len(sys.argv) != 2:
    sys.exit(__doc__)
for result in watch(sys.argv[1], classes="dog", confidence=0.6):
    for change in result.visits:
        if change.kind == "started":
            cv2.imwrite("dog.jpg", annotate(result))  # or gpiozero.LED(17).on()
            print("a dog! see dog.jpg")
