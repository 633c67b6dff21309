#!/usr/bin/env bash
# The real picamera2 on libcamera's virtual camera, in a Trixie root: the source opens it, photographs come through in
# the right colours, objects are found, it closes. Needs root, mmdebstrap and gcc in the root. See README.md.
#
#   picamera2.sh PHOTOGRAPH...
set -uo pipefail
# shellcheck source=tests/machines/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

root=$LAB/trixie-picamera2
python=${PYTHON:-python3} # on this machine, with OpenCV
frames=60

in_() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount bash -c '
        root=$1; shift
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t sysfs -o ro sysfs "$root/sys"
        exec env -i PATH=/opt/v/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 LIBCAMERA_LOG_LEVELS=ERROR \
            DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"' _ "$root" "$@"
}

packages() {
    in_ apt-get update --quiet=2 || return
    in_ apt-get install --yes --quiet=2 --no-install-recommends gcc libc6-dev python3-dev python3-libcamera python3-numpy \
        python3-prctl python3-pil python3-piexif python3-av python3-jsonschema >/dev/null || return
    [[ -x $root/opt/v/bin/python ]] || in_ python3 -m venv --system-site-packages /opt/v || return
    in_ pip install --quiet picamera2 ai-edge-litert opencv-python-headless imutils psutil av pytest || return
    in_ python -c 'import ai_edge_litert, av, cv2, imutils, libcamera, psutil, pytest' || return
    in_ gcc -Wall -Wextra -shared -fPIC -o /root/dmabuf.so /root/edge-detector/tests/machines/virtual_camera/dmabuf.c -ldl
}

# The virtual camera plays 0.jpg, 1.jpg, ... in a loop; all of one size.
photographs() {
    local folder=$root/root/photographs
    rm -rf "$folder"
    mkdir -p "$folder" "$root/usr/share/libcamera/pipeline/virtual"
    "$python" - "$folder" "$@" <<'PYTHON'
import sys
from pathlib import Path
import cv2
folder, *photographs = sys.argv[1:]
for number, photograph in enumerate(photographs):
    cv2.imwrite(str(Path(folder, f"{number}.jpg")), cv2.resize(cv2.imread(photograph), (1280, 720)))
PYTHON
    cat >"$root/usr/share/libcamera/pipeline/virtual/virtual.yaml" <<'YAML'
%YAML 1.1
---
"Virtual0":
  supported_formats:
  - width: 1280
    height: 720
    frame_rates: [30, 30]
  frames:
    path: "/root/photographs/"
  model: "virtual_photo"
YAML
}

# libcamera 0.4's virtual camera does not set the status of its pictures, and picamera2 takes only pictures with status 0,
# success: glibc is told to give out memory filled with zeroes.
python_there() {
    in_ env GLIBC_TUNABLES=glibc.malloc.perturb=255:glibc.malloc.tcache_count=0 LD_PRELOAD=/root/dmabuf.so \
        PYTHONPATH=/root/edge-detector:/root/edge-detector/tests/machines/virtual_camera timeout 300 python "$@"
}

detect() { python_there /root/edge-detector/tests/machines/virtual_camera/run.py "$@"; }

source_tests() {
    python_there -m pytest -q -c /dev/null --rootdir=/root -p no:cacheprovider /root/edge-detector/tests/machines/picamera2_camera.py
}

finds_objects() {
    rm -f "$root/root/found.jsonl"
    detect --source "picamera2:0" --size 1280x720 --confidence 0.5 --sink jsonl:/root/found.jsonl --sink print &
    until_true 600 has_frames
    in_ pkill -TERM --full 'python .*virtual_camera/run.py'
    wait $!
    local code=$?
    tail -1 "$root/root/found.jsonl"
    return "$code"
}
has_frames() { [[ -e $root/root/found.jsonl ]] && (($(wc -l <"$root/root/found.jsonl") >= frames)); }

labels() {
    grep -o '"label":"[^"]*"' "$root/root/found.jsonl" | sort | uniq -c | sort -rn
    grep -q '"label":"dog"\|"label":"cat"\|"label":"person"\|"label":"car"' "$root/root/found.jsonl"
}

counts_up() {
    "$python" - "$root/root/found.jsonl" <<'PYTHON'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
sequences = [line["sequence"] for line in lines]
stamps = [line["timestamp_ns"] for line in lines]
print(len(lines), "frames, sequence", sequences[0], "to", sequences[-1])
sys.exit(sequences != sorted(set(sequences)) or stamps != sorted(stamps))
PYTHON
}

no_second_camera() {
    ! detect --source picamera2:1 --sink print 2>"$root/root/error" && grep 'no such camera' "$root/root/error"
}

main() {
    mkdir -p "$LAB"
    make_root "$root" trixie "$(dpkg --print-architecture)"
    put_checkout "$root"
    check "packages" packages
    check "photographs for the virtual camera" photographs "$@"
    check "detects on the virtual camera until SIGTERM, exit code 0" finds_objects
    check "sees what is there" labels
    check "sequence and time stamps count up" counts_up
    check "the source: stalls, restarts, time-outs, opening again" source_tests
    check "a camera that is not there is an error that lists those that are" no_second_camera
    finish
}
main "$@"
