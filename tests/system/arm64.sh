#!/usr/bin/env bash
# deploy.sh in an arm64 Debian under emulation: the wheels install, and the default model sees on a photograph what it
# sees on this machine. Needs root, mmdebstrap and qemu-user-static. See README.md.
#
#   arm64.sh bookworm|trixie PHOTOGRAPH
set -uo pipefail
# shellcheck source=tests/system/common.sh
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

versions() { in_ /opt/edge-detector/venv/bin/pip list --format=freeze | grep -E 'numpy|opencv|litert|^av|pygame|aiohttp'; }

detect_there() { in_ edge-detector --source /root/photograph.png --sink jsonl:- >"$LAB/there.jsonl"; }

detect_here() {
    (cd "$root/root/edge-detector" && "$python" -m edge_detector --source "$LAB/photograph.png" --sink jsonl:-) \
        >"$LAB/here.jsonl"
}

# As pixels: JPEG decoders differ in the last bit from machine to machine, which is not the question here.
decode_photograph() {
    "$python" -c 'import sys, cv2; cv2.imwrite(sys.argv[2], cv2.imread(sys.argv[1]))' "$photograph" "$LAB/photograph.png"
    cp "$LAB/photograph.png" "$root/root/photograph.png"
}

same_objects() { (cd "$checkout" && "$python" tests/system/same_objects.py "$LAB/here.jsonl" "$LAB/there.jsonl"); }

leaves_nothing() { [[ ! -e $root/opt/edge-detector && ! -e $root/etc/edge-detector ]]; }

main() {
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
    check "detects there" detect_there
    check "detects here" detect_here
    check "the same objects, IoU over 0.95" same_objects
    check "doctor finds no error" in_ edge-detector doctor
    check "uninstall" deploy --uninstall --purge
    check "uninstall leaves nothing" leaves_nothing
    finish
}
main
