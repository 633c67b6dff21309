"""Act when a dog is seen, here by taking its picture: python examples/dog_seen.py 0"""

import sys

import cv2

from edge_detector import annotate, watch

if len(sys.argv) != 2:
    sys.exit(__doc__)
seen_before = False
for result in watch(sys.argv[1], classes="dog", confidence=0.6):
    if result.detections and not seen_before:
        cv2.imwrite("dog.jpg", annotate(result))  # or gpiozero.LED(17).on()
        print("a dog! see dog.jpg")
    seen_before = bool(result.detections)
