"""Detect in an OpenCV loop that you have already: python examples/opencv_loop.py film.mp4"""

import sys

import cv2

from edge_detector import open_detector

if len(sys.argv) != 2:
    sys.exit(__doc__)
film = cv2.VideoCapture(sys.argv[1])
with open_detector() as detector:
    while (image := film.read()[1]) is not None:
        print(detector.detect(image).detections)
