"""Blur the people on a photograph: python examples/hide_people.py photo.jpg blurred.jpg"""

import sys

import cv2

from edge_detector import open_detector, read_image

if len(sys.argv) != 3:
    sys.exit(__doc__)
image = read_image(sys.argv[1]).image.copy()
with open_detector(classes="person", confidence=0.3) as detector:
    people = detector.detect(image).detections
for left, top, right, bottom in people.boxes.round().astype(int):
    image[top:bottom, left:right] = cv2.blur(image[top:bottom, left:right], (99, 99))
cv2.imwrite(sys.argv[2], image)
