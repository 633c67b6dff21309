#!/usr/bin/env bash
# The real picamera2 on libcamera's virtual camera, in a Debian trixie: no Pi, no camera. Needs root, mmdebstrap and
# the helpers of ../shared/recipes (a stand-in for the dma-buf allocator that most kernels have). See README.md.
#
#   picamera2.sh [FOLDER of NAME_720p.jpg]
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

root=$LAB/trixie-amd64-picamera2
recipes=${RECIPES:-$checkout/../shared/recipes}
photographs=${1:-$checkout/../shared/stills} # what the camera sees: JPEGs of 1280x720

make_pi() {
    [[ ! -e $root/opt/venv/bin/pytest ]] || return 0
    local mirror
    mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources)
    mmdebstrap --mode=root --variant=minbase --architectures=amd64 \
        --include=python3-venv,python3-dev,gcc,libc6-dev,ca-certificates,python3-libcamera,python3-numpy,python3-prctl,python3-pil,python3-piexif,python3-av,python3-jsonschema \
        trixie "$root" "deb [trusted=yes] $mirror trixie main"
    cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    chroot "$root" python3 -m venv --system-site-packages /opt/venv
    chroot "$root" env -u PIP_FIND_LINKS PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
        /opt/venv/bin/pip install --quiet picamera2 opencv-python-headless imutils pytest
}

put_camera() {
    mkdir -p "$root/root/vcam/frames" "$root/usr/share/libcamera/pipeline/virtual"
    local jpeg number=0
    for jpeg in "$photographs"/*720p*.jpg; do
        cp "$jpeg" "$root/root/vcam/frames/$((number++)).jpg"
    done
    cp "$recipes/virtual.yaml" "$root/usr/share/libcamera/pipeline/virtual/"
    cp "$recipes"/{fakedma.c,pykms.py,vpicam.py} "$root/root/"
    chroot "$root" gcc -Wall -shared -fPIC -o /root/fakedma.so /root/fakedma.c -ldl
}

run_tests() {
    rm -rf "$root/root/edge_detector"
    cp -r "$checkout/edge_detector" "$checkout/tests/system/picamera2_camera.py" "$root/root/"
    chroot "$root" env LD_PRELOAD=/root/fakedma.so PYTHONPATH=/root LIBCAMERA_LOG_LEVELS='*:ERROR' timeout 300 \
        /opt/venv/bin/pytest -v -p no:cacheprovider /root/picamera2_camera.py
}

if [[ ! -d $recipes ]]; then
    echo "skipped: needs $recipes"
    exit 0
fi
mkdir -p "$LAB"
make_pi
put_camera
check "picamera2 on a virtual camera" run_tests
finish
