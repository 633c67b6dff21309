#!/usr/bin/env bash
# A USB-like camera of the kernel (vivid) in a virtual machine: read, unplugged, plugged in under another number,
# silenced, gone. Needs root, qemu-system-x86, mmdebstrap and e2fsprogs; no KVM. See README.md.
set -euo pipefail
# shellcheck source=tests/machines/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

root=$LAB/bookworm-amd64-v4l2
share=$LAB/v4l2-share # seen by both sides
disk=$LAB/v4l2.img

make_machine() {
    [[ ! -e $disk ]] || return 0
    local mirror
    mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources)
    mmdebstrap --mode=root --variant=minbase --architectures=amd64 \
        --include=linux-image-amd64,kmod,udev,v4l-utils,python3,python3-venv,ca-certificates,libglib2.0-0,libgl1 \
        bookworm "$root" "deb [trusted=yes] $mirror bookworm main"
    cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    chroot "$root" python3 -m venv /opt/venv
    chroot "$root" env -u PIP_FIND_LINKS PIP_CERT=/etc/ssl/certs/ca-certificates.crt /opt/venv/bin/pip install --quiet opencv-python-headless pytest
    install_init
    mke2fs -q -t ext4 -d "$root" "$disk" 3G
}

install_init() {
    cat >"$root/init.sh" <<'INIT'
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/share
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
modprobe -a 9pnet_virtio 9p
mkdir -p /share
mount -t 9p -o trans=virtio,version=9p2000.L share /share
/opt/venv/bin/python -m pytest -v -p no:cacheprovider /share/v4l2_camera.py >/share/said 2>&1
echo $? >/share/status
sync
echo o >/proc/sysrq-trigger
sleep 10
INIT
    chmod +x "$root/init.sh"
}

run_machine() {
    rm -rf "$share"
    mkdir -p "$share"
    cp -r "$checkout/edge_detector" "$checkout/tests/machines/v4l2_camera.py" "$share/"
    timeout 600 qemu-system-x86_64 -machine q35,accel=tcg -cpu max -smp 2 -m 1500 -nographic -no-reboot \
        -kernel "$root"/boot/vmlinuz-* -initrd "$root"/boot/initrd.img-* \
        -append "root=/dev/vda rw console=ttyS0 init=/init.sh quiet" \
        -drive "file=$disk,if=virtio,format=raw" \
        -virtfs "local,path=$share,mount_tag=share,security_model=none" >"$LAB/v4l2.log" 2>&1
    cat "$share/said"
    [[ $(cat "$share/status") == 0 ]]
}

mkdir -p "$LAB"
make_machine
check "a V4L2 camera in a virtual machine" run_machine
finish
