# A machine under qemu: its processor, its monitor, and what a Debian needs to boot in it. Source it after common.sh.
# shellcheck shell=bash disable=SC2034,SC2154 # the script that sources it sets $root, $disk, $log and $monitor, and waits for $machine

readonly SSH_PORT=2223 # of the machine, on this one

# qemu 7.2 computes wrong addresses for AVX2's gathers, and Mesa's software drawing crashes on them.
readonly CPU=max,-avx2

# acceleration: KVM where this processor virtualizes; a /dev/kvm without that runs only kernels made for it.
acceleration() {
    if [[ -w /dev/kvm ]] && grep -qwE 'vmx|svm' /proc/cpuinfo; then echo kvm; else echo tcg; fi
}

# make_bootable: a network, ssh with our key, a journal that is kept, and a camera that is there from boot.
make_bootable() {
    make_key
    install -D --mode=600 "$LAB/key.pub" "$root/root/.ssh/authorized_keys"
    printf '[Match]\nName=en*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/any.network"
    printf 'options vivid n_devs=1 node_types=0x1\n' >"$root/etc/modprobe.d/vivid.conf"
    printf 'vivid\n' >"$root/etc/modules-load.d/vivid.conf"
    mkdir -p "$root/var/log/journal"
    chroot "$root" systemctl --quiet enable systemd-networkd ssh
}

# before_boot COMMAND...: run in the root, whose systemd does not run yet.
before_boot() { systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --pipe "$@"; }

# start_machine: boot a copy of the root, with a graphics card, a keyboard and a network.
start_machine() {
    rm -f "$disk"
    mke2fs -q -t ext4 -d "$root" "$disk" 4G >/dev/null
    timeout 3600 qemu-system-x86_64 -machine "q35,accel=$(acceleration)" -cpu "$CPU" -smp 2 -m 2048 \
        -display none -vga none -device virtio-vga -serial "file:$log" -monitor "unix:$monitor,server,nowait" \
        -kernel "$root"/boot/vmlinuz-* -initrd "$root"/boot/initrd.img-* \
        -append "root=/dev/vda rw console=tty0 console=ttyS0 quiet" -drive "file=$disk,if=virtio,format=raw" \
        -nic "user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:$SSH_PORT-:22" </dev/null >/dev/null 2>&1 &
    machine=$!
}

# in_ COMMAND...: run inside the machine, over one connection that stays open.
in_() {
    ssh -F none -p "$SSH_PORT" -i "$LAB/key" -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR \
        -o ConnectTimeout=20 -o ServerAliveInterval=10 -o ControlMaster=auto -o ControlPersist=yes \
        -o ControlPath="$LAB/machine.ssh" root@127.0.0.1 "$(printf '%q ' "$@")" </dev/null
}

# order COMMAND: send a command to the machine's monitor, such as pressing a key.
order() {
    python3 - "$monitor" "$1" <<'CLIENT'
import socket, sys
def hear_the_prompt(monitor):
    said = b""
    while not said.endswith(b"(qemu) "):
        said += monitor.recv(4096)
with socket.socket(socket.AF_UNIX) as monitor:
    monitor.settimeout(60)
    monitor.connect(sys.argv[1])
    hear_the_prompt(monitor)
    monitor.sendall(sys.argv[2].encode() + b"\n")
    hear_the_prompt(monitor)  # if the connection closes before, the command is lost
CLIENT
}

# photograph FILE.ppm: the machine's screen.
photograph() { order "screendump $1"; }
