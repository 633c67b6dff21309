#!/usr/bin/env bash
# The window on a bare console, as on Raspberry Pi OS Lite with a monitor: a virtual machine with a graphics card and a
# keyboard and no desktop. The picture is there, full screen, and the key q ends the run with 0.
# Needs root, qemu-system-x86, mmdebstrap and e2fsprogs; no KVM. See README.md.
set -euo pipefail
# shellcheck source=tests/machines/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tests/machines/virtual_machine.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/virtual_machine.sh"

root=$LAB/bookworm-amd64-kms
share=$LAB/kms-share # seen by both sides
disk=$LAB/kms.img
monitor=$LAB/kms.monitor # takes commands for the machine, such as pressing a key
picture=$LAB/kms.ppm

make_machine() {
    [[ ! -e $disk ]] || return 0
    if [[ ! -e $root/boot ]]; then
        local mirror
        mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources)
        mmdebstrap --mode=root --variant=minbase --architectures=amd64 \
            --include=linux-image-amd64,kmod,udev,python3,python3-venv,ca-certificates,libglib2.0-0,libgl1,libgbm1,libegl1,libgles2,libgl1-mesa-dri \
            bookworm "$root" "deb [trusted=yes] $mirror bookworm main"
    fi
    cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    chroot "$root" python3 -m venv /opt/venv
    chroot "$root" env -u PIP_FIND_LINKS PIP_CERT=/etc/ssl/certs/ca-certificates.crt /opt/venv/bin/pip install --quiet \
        opencv-python-headless imutils psutil pygame-ce
    install_init
    mke2fs -q -t ext4 -d "$root" "$disk" 3G
}

install_init() {
    cat >"$root/init.sh" <<'INIT'
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/share HOME=/root XDG_RUNTIME_DIR=/run
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add
udevadm settle
modprobe -a virtio-gpu 9pnet_virtio 9p
mkdir -p /share
mount -t 9p -o trans=virtio,version=9p2000.L share /share
udevadm settle
/opt/venv/bin/python -m edge_detector --source synthetic --runtime fake --sink window:required </dev/tty1 >/share/said 2>&1
echo $? >/share/status
sync
echo o >/proc/sysrq-trigger
sleep 10
INIT
    chmod +x "$root/init.sh"
}

start_machine() {
    rm -rf "$share" "$picture"
    mkdir -p "$share"
    cp -r "$checkout/edge_detector" "$checkout/models" "$checkout/labels" "$share/"
    timeout 900 qemu-system-x86_64 -machine "q35,accel=$(acceleration)" -cpu "$CPU" -smp 2 -m 1500 -no-reboot \
        -display none -vga none -device virtio-vga -serial "file:$LAB/kms.log" -monitor "unix:$monitor,server,nowait" \
        -kernel "$root"/boot/vmlinuz-* -initrd "$root"/boot/initrd.img-* \
        -append "root=/dev/vda rw console=ttyS0 init=/init.sh quiet" \
        -drive "file=$disk,if=virtio,format=raw" \
        -virtfs "local,path=$share,mount_tag=share,security_model=none" </dev/null >/dev/null 2>&1 &
    machine=$!
}

# A console full of text has two colours; the synthetic camera has thousands.
shows_a_picture() {
    photograph "$picture" && python3 - "$picture" <<'COUNT' && echo "$picture"
import pathlib, sys
magic, size, depth, pixels = pathlib.Path(sys.argv[1]).read_bytes().split(b"\n", 3)
colours = {pixels[at : at + 3] for at in range(0, len(pixels), 3)}
if len(colours) < 500:
    sys.exit(1)
print(size.decode(), "pixels,", len(colours), "colours")
COUNT
}

took_the_console() { grep 'window: KMS/DRM console' "$share/said"; }
ended_well() { [[ -e $share/status ]] && [[ $(cat "$share/status") == 0 ]]; }
q_ends_it() { order "sendkey q" && until_true 1200 ended_well; }

main() {
    mkdir -p "$LAB"
    make_machine
    start_machine
    trap 'kill "$machine" 2>/dev/null || true' EXIT
    check "the console's screen shows the picture" until_true 200 shows_a_picture
    check "the window says where it is" took_the_console
    check "q ends the run with 0" q_ends_it
    finish
}
main
