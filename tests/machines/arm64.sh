#!/usr/bin/env bash
# deploy.sh in an arm64 Debian under emulation: the wheels install, and the default model sees on a photograph what it
# sees on this machine. Needs root, mmdebstrap and qemu-user-static. See README.md.
#
#   arm64.sh bookworm|trixie PHOTOGRAPH
set -uo pipefail
# shellcheck source=tests/machines/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

suite=${1:?which suite: bookworm or trixie}
photograph=$(realpath -- "${2:?which photograph}")
root=$LAB/$suite-arm64
python=${PYTHON:-python3} # on this machine, with edge-detector's requirements
export QEMU_CPU=cortex-a72 # a Pi 4. qemu's default has instructions that no Pi has, and gives other results

# in_ COMMAND...: in the root, with its own /proc that shows a Pi 4's processor: ai-edge-litert reads it, and qemu 7
# would show it this machine's.
in_() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount bash -c '
        root=$1; shift
        mount -t proc proc "$root/proc"
        mount --bind "$root/root/pi4-cpuinfo" "$root/proc/cpuinfo"
        mount --rbind /dev "$root/dev"
        mount -t sysfs -o ro sysfs "$root/sys"
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
            QEMU_CPU="$QEMU_CPU" chroot "$root" "$@"' _ "$root" "$@"
}

pi4_cpuinfo() {
    local core
    for core in 0 1 2 3; do
        printf 'processor\t: %s\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\n' "$core"
        printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n'
    done
    printf 'Model\t\t: Raspberry Pi 4 Model B Rev 1.4\n'
}

deploy() { in_ bash /root/edge-detector/deploy.sh "$@"; }

changes_nothing() { deploy | grep -x 'nothing to change'; }

versions() { in_ /opt/edge-detector/venv/bin/python -m pip list --format=freeze | grep -E 'numpy|opencv|litert|^av|pygame|aiohttp'; }

# Once with the photograph as it is, and once at the model's size, where OpenCV has nothing to scale.
detect_there() { in_ edge-detector --confidence 0.3 --source "/root/$1.png" --sink jsonl:- >"$root.$1.there"; }

detect_here() {
    (cd "$root/root/edge-detector" && "$python" -m edge_detector --confidence 0.3 --source "$root/root/$1.png" --sink jsonl:-) \
        >"$root.$1.here"
}

# As pixels: JPEG decoders differ in the last bit from machine to machine, and that is not tested here.
decode_photograph() {
    "$python" - "$photograph" "$root/root" <<'PYTHON'
import sys
import cv2
picture = cv2.imread(sys.argv[1])
cv2.imwrite(f"{sys.argv[2]}/photograph.png", picture)
cv2.imwrite(f"{sys.argv[2]}/small.png", cv2.resize(picture, (320, 320)))
PYTHON
}

# same_objects HERE THERE: names of two results.
same_objects() { "$python" "$checkout/tests/machines/same_objects.py" "$root.$1.here" "$root.$2.there"; }

# The last tflite-runtime is for Python 3.11, which is Bookworm's.
detect_with_tflite_runtime() {
    in_ /opt/edge-detector/venv/bin/python -m pip install --quiet --root-user-action=ignore tflite-runtime &&
        in_ edge-detector --runtime tflite-runtime --confidence 0.3 --source /root/photograph.png --sink jsonl:- \
            >"$root.tflite-runtime.there"
}

leaves_nothing() { are_gone /opt/edge-detector /etc/edge-detector; }

main() {
    local name
    mkdir -p "$LAB"
    emulate_arm64
    make_root "$root" "$suite" arm64
    put_checkout "$root"
    pi4_cpuinfo >"$root/root/pi4-cpuinfo"

    deploy --uninstall --purge >/dev/null # of an earlier run
    check "deploy.sh installs" deploy
    check "a second run changes nothing" changes_nothing
    check "what pip chose" versions
    check "the photograph as pixels" decode_photograph
    for name in small photograph; do
        check "detects there: $name" detect_there "$name"
        check "detects here: $name" detect_here "$name"
        check "the same objects, IoU over 0.95: $name" same_objects "$name" "$name"
    done
    if [[ $suite == bookworm ]]; then
        check "tflite-runtime detects there" detect_with_tflite_runtime
        check "the same objects, IoU over 0.95: tflite-runtime" same_objects photograph tflite-runtime
    fi
    check "doctor finds no error" in_ edge-detector doctor
    check "uninstall" deploy --uninstall --purge
    check "uninstall leaves nothing" leaves_nothing
    finish
}
main
