"""The colours of classes, of tracks, and of the letters on them."""

from __future__ import annotations

import colorsys
from functools import cache, lru_cache

Color = tuple[int, int, int]  # blue, green, red

BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)

# Red, green, blue of the classes in their order. Each is the colour farthest from all before it in the space Oklab
# (B. Ottosson, 2020) that is neither dark nor grey, and three times as far from the one before. So the first classes
# differ most, and 90, as many as COCO's numbers go to, still differ.
PALETTE = bytes.fromhex("""
    ff2222 0000ff ddff00 7700bb 00dd00 ff00ff 11ffbb 991155 ffdd99 0055aa ffccff 226622
    ff88ff 009900 aa22ff bbbb00 5555ff aaffff 884400 00ddff bb00aa 00cc99 ff0099 118866
    66ff44 8866aa ffbb22 0088ee bb0000 aabbff 664488 ffaa99 006677 ff8800 8877ff aadd88
    cc55dd 77aa44 cc0066 55aaff cc5500 5500ee 887700 ccffaa cc6699 00bb00 ff7788 3377aa
    ff99cc 8844cc bb9944 ff55dd 00aaaa eedd11 bb88dd 99dd22 995566 88ddcc 5544bb cc8877
    882288 66bbcc 2244dd ccbb77 5566cc ee6644 00ffff 7788cc 66cc55 dd4466 88bb88 cc00dd
    aa7755 ddaaff 666622 ee77bb 1199cc ee11cc 99ddff aa4488 00ee77 cc44aa 00aa77 8800ee
    bb4444 dd77ff cc7700 9911bb dd99aa dd0022 9999ff 99ff88 779966 993333 8855ff ff0066
""")
CHANNELS = 3

GOLDEN_ANGLE = 137.508  # degrees from the hue of one track to that of the next, so that both differ well
TRACK_LIGHTNESS, TRACK_SATURATION = 0.60, 0.95


@cache
def class_color(class_id: int) -> Color:
    """The colour of a class: always the same, and different from those of the 95 classes before it."""
    place = CHANNELS * class_id % len(PALETTE)
    red, green, blue = PALETTE[place : place + CHANNELS]
    return blue, green, red


@lru_cache(maxsize=256)
def track_color(track_id: int) -> Color:
    """The colour of a track: always the same, and the same as on the page (``boxes.js``)."""
    hue = track_id * GOLDEN_ANGLE % 360 / 360
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, TRACK_LIGHTNESS, TRACK_SATURATION))
    return blue, green, red


@cache
def text_color(background: Color) -> Color:
    """Black or white, whichever stands out more (WCAG 2 relative luminance; equal contrast at 0.179)."""
    blue, green, red = (_linear(channel / 255) for channel in background)
    return BLACK if 0.0722 * blue + 0.7152 * green + 0.2126 * red > 0.179 else WHITE


def _linear(channel: float) -> float:
    """An sRGB channel in [0, 1] as light intensity (IEC 61966-2-1)."""
    return float(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)
