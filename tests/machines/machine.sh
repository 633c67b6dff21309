#!/usr/bin/env bash
# The installed service in a whole machine: systemd as init, a kernel of its own, a camera (the kernel's vivid), a monitor
# and a keyboard, no desktop. What a container cannot show: devices from inside the sandbox, the console, memory limits, a
# camera that is pulled out, shutting down. Needs root, qemu-system-x86, mmdebstrap, systemd-container and e2fsprogs;
# uses KVM where there is one. See README.md.
#
#   machine.sh [bookworm|trixie]
# shellcheck disable=SC2016  # what is in single quotes expands inside the machine
set -uo pipefail
# shellcheck source=tests/machines/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tests/machines/virtual_machine.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/virtual_machine.sh"

suite=${1:-bookworm}
root=$LAB/$suite-amd64-machine
disk=$LAB/machine.img
log=$LAB/$suite-machine.log
monitor=$LAB/machine.monitor # takes commands for the machine, such as pressing a key
picture=$LAB/$suite-machine.ppm
unit=edge-detector
group=/sys/fs/cgroup/system.slice/$unit.service

deploy() { before_boot bash /root/edge-detector/deploy.sh "$@"; }

is_up() { in_ true 2>/dev/null; }

# ---- devices

reads_the_camera() {
    until_true 1800 is_active && status_has ms || return 1
    in_ journalctl --unit=$unit --output=cat --no-pager | grep ': 0 to window'
    in_ sh -c 'ps -o user:20=,group:20= "$1" && readlink /proc/"$1"/fd/* | grep -x /dev/video0' _ "$(main_pid)"
}

draws_through_kms() { # the window is a process of its own
    in_ sh -c 'for pid in $(cat "$1"); do readlink /proc/"$pid"/fd/*; done | grep /dev/dri/ | sort -u' _ "$group/cgroup.procs"
}

# The seven bars of vivid's picture: white, yellow, cyan, green, magenta, red, blue.
shows_the_cameras_picture() {
    photograph "$picture" && python3 - "$picture" <<'COUNT' && echo "$picture"
import collections, pathlib, sys
magic, size, depth, pixels = pathlib.Path(sys.argv[1]).read_bytes().split(b"\n", 3)
counted = collections.Counter(pixels[at : at + 3] for at in range(0, len(pixels), 3))
large = [colour for colour, count in counted.most_common() if count > len(pixels) // 3 // 20]
bars = {tuple(value > 95 for value in colour) for colour in large} - {(False, False, False)}
print(size.decode(), "pixels,", len(counted), "colours,", len(bars), "bars")
sys.exit(len(bars) != 7)
COUNT
}

# Of a log that has lines.
says_nothing_bad() {
    log_has ': 0 to window' >/dev/null &&
        prints_nothing in_ journalctl --quiet --unit=$unit --priority=warning --output=cat --no-pager
}

# inside COMMAND...: as root, but with the devices that the service has.
inside() { in_ sh -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$group" "$@" 2>&1; }

has_no_other_device() {
    local device said
    for device in /dev/vda /dev/ttyS0 /dev/tty1 /dev/input/event0; do
        ! said=$(inside head --bytes=1 "$device") && echo "$said" && [[ $said == *"Operation not permitted" ]] || return 1
    done
}

leaves_keys_to_the_login() {
    local before
    before=$(main_pid)
    order "sendkey q"
    until_true 100 typed_at_the_login 'login: q' && is_active && [[ $(main_pid) == "$before" ]]
}
typed_at_the_login() { in_ cat /dev/vcs1 | grep --only-matching --text "$1"; }

# doctor_is_content [AS...]: no error, and true of this machine.
doctor_is_content() {
    local said line
    said=$(in_ "$@" edge-detector doctor) || return 1
    printf '%s\n' "$said"
    for line in 'display +KMS/DRM console card0' 'groups +edge-detector is in video, render' 'cameras +/dev/video0 \(vivid' 'memory limit +the kernel can' \
        'temperature ' 'throttling +unknown' 'service +active \(running\)'; do
        grep -qE "^ok +$line" <<<"$said" || { echo "not: $line"; return 1; }
    done
}

tells_the_temperature() { # of a zone made of two files: qemu has none
    in_ sh -c 'zone=/sys/class/thermal/thermal_zone0 && mount -t tmpfs zone /sys/class/thermal && mkdir "$zone" &&
        echo cpu-thermal >"$zone/type" && echo 48123 >"$zone/temp"'
    until_true 600 status_has '48 C' && in_ edge-detector doctor | grep '^ok *temperature *48 C'
}

# ---- memory

keeps_its_memory_limit() {
    local limit pages
    limit=$(in_ cat "$group/memory.max") pages=$(in_ getconf _PHYS_PAGES)
    echo "$limit bytes of $((pages * 4096))"
    ((limit / 4096 == pages * 75 / 100))
}

runs_out_of_memory() {
    in_ systemctl set-property --runtime $unit MemoryMax=80M # a drop-in in /run
    until_true 300 log_has 'OOM killer' && until_true 100 log_has "result 'oom-kill'" && until_true 300 restarted 1
}
restarted() { (($(property NRestarts) >= $1)) && echo "NRestarts $(property NRestarts)"; }

runs_with_enough_memory() {
    in_ systemctl set-property --runtime $unit MemoryMax=75%
    until_true 1200 is_active && echo "NRestarts $(property NRestarts), nobody started it"
}

# ---- the camera

# One restart; that start waits.
waits_for_the_camera() {
    local before
    before=$(property NRestarts)
    in_ sh -c 'echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind'
    until_true 300 log_has 'not back within' && until_true 600 restarted $((before + 1)) &&
        until_true 600 status_has 'waiting for the source' && log_has 'waiting for it'
}

runs_with_the_camera() {
    local before
    before=$(property NRestarts)
    in_ modprobe --remove vivid && in_ modprobe vivid
    until_true 1200 is_active && restarted "$before" && [[ $(property NRestarts) == "$before" ]]
}

# ---- stopping

gives_the_console_back() {
    in_ systemctl stop $unit
    until_true 100 shows_text && in_ systemctl start $unit
}

shows_text() { # black, white, grey
    photograph "$LAB/machine-console.ppm" && python3 - "$LAB/machine-console.ppm" <<'COUNT'
import pathlib, sys
sys.exit(len(set(pathlib.Path(sys.argv[1]).read_bytes()[-3_000_000:])) > 4)
COUNT
}

ends_well_on_reboot() {
    local boot end
    boot=$(boot_id)
    in_ systemctl reboot
    until_true 3000 has_rebooted "$boot" || return 1
    end=$(in_ journalctl --boot=-1 --unit=$unit --output=short-monotonic --no-pager |
        awk '/Stopping/ { end = "" } { end = end $0 "\n" } END { printf "%s", end }')
    printf '%s\n' "$end"
    grep -q 'Deactivated successfully' <<<"$end" && ! grep -qE 'timed out|Killing|Failed' <<<"$end"
}
boot_id() { in_ cat /proc/sys/kernel/random/boot_id 2>/dev/null; }
has_rebooted() { [[ $(boot_id) != "$1" && -n $(boot_id) ]]; }

powers_off() {
    in_ systemctl poweroff
    wait "$machine"
}

main() {
    mkdir -p "$LAB"
    make_root "$root" "$suite" amd64 linux-image-amd64,kmod
    put_checkout "$root"
    make_bootable
    deploy --uninstall --purge >/dev/null 2>&1 # of an earlier run
    check "deploy.sh installs, for the next boot" deploy
    start_machine
    trap 'kill "$machine" 2>/dev/null' EXIT
    check "the machine boots" until_true 3000 is_up
    ((failures == 0)) || { tail -20 "$log"; exit 1; }

    check "the service reads the camera" reads_the_camera
    check "its window has the graphics card" draws_through_kms
    check "the camera's picture is on the monitor" until_true 300 shows_the_cameras_picture
    check "no warning, no error in the log" says_nothing_bad
    check "no other device can be opened" has_no_other_device
    check "a key goes to the login behind the picture, not to the detector" leaves_keys_to_the_login
    check "doctor, as root" doctor_is_content
    check "doctor, as the service's user" doctor_is_content runuser --user=$unit --
    check "a temperature that there is reaches the service and doctor" tells_the_temperature
    check "exposure at most 3.0" exposure
    check "the kernel keeps three quarters of the memory" keeps_its_memory_limit
    check "out of memory: killed, and started again" runs_out_of_memory
    check "with enough memory it runs again" runs_with_enough_memory
    check "the camera pulled out: ends, and the next start waits for it" waits_for_the_camera
    check "the camera plugged in: it runs again" runs_with_the_camera
    check "stopped, it gives the console back" gives_the_console_back
    check "a reboot ends it well" ends_well_on_reboot
    check "after the reboot it runs" until_true 1800 is_active
    in_ journalctl --unit=$unit --output=short-monotonic --no-pager >"$LAB/$suite-machine-journal.txt"
    check "the machine powers off" powers_off
    finish
}
main
