#!/usr/bin/env bash
# The detector as a program of a desktop session: the user unit, its window on the session's display, removal. Needs
# root, systemd-container and mmdebstrap. See README.md.
#
#   session.sh [bookworm|trixie]
set -uo pipefail
# shellcheck source=tests/machines/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

suite=${1:-bookworm}
root=$LAB/$suite-$(dpkg --print-architecture)-systemd
log=$LAB/$suite-session.log
unit=edge-detector

deploy() { in_ bash /root/edge-detector/deploy.sh "$@"; }

a_user_with_a_screen() {
    in_ apt-get install --yes --quiet=2 --no-install-recommends libpam-systemd dbus-user-session xvfb x11-utils x11-apps >/dev/null 2>&1
    in_ id pi 2>/dev/null || in_ useradd --create-home --groups video,render,sudo pi
    in_ systemctl start user@1000.service
    in_ systemd-run --quiet --unit=screen --uid=pi Xvfb :7 -screen 0 1280x800x24
    until_true 100 in_ test -S /tmp/.X11-unix/X7
}

# What the desktop does at login: its display into the user manager, then the autostart entry.
log_in() {
    as_pi env DISPLAY=:7 bash -c "$(in_ sed -n 's/^Exec=.*-c "\(.*\)"$/\1/p' /etc/xdg/autostart/edge-detector.desktop)"
    until_true 600 is_active
}

as_pi() { in_ setpriv --reuid=1000 --regid=1000 --init-groups env HOME=/home/pi XDG_RUNTIME_DIR=/run/user/1000 "$@"; }
property() { as_pi systemctl --user show --value --property="$1" "$unit"; }
is_active() { [[ $(property ActiveState) == active ]]; }
window_title() { as_pi env DISPLAY=:7 xwininfo -root -tree | grep -i 'edge.detector' | head -1; }
has_window() { [[ -n $(window_title) ]] && window_title; }

# The synthetic camera's red disk: rows of pure red on the screen, in the byte order of its picture format.
shows_the_red_disk() {
    as_pi env DISPLAY=:7 xwd -root -silent >"$LAB/session.xwd"
    python3 - "$LAB/session.xwd" <<'PYTHON'
import sys
dump = open(sys.argv[1], "rb").read()
rows = max(dump.count(pixel * 40) for pixel in (b"\0\0\xff", b"\0\0\xff\0"))
print(rows, "runs of forty red pixels")
sys.exit(rows < 50)
PYTHON
}

restarted_after_kill() {
    local before
    before=$(property MainPID)
    ((before > 0)) && as_pi kill -9 "$before" && until_true 600 another_is_ready "$before" &&
        echo "pid $before, then $(property MainPID)"
}
another_is_ready() { is_active && [[ $(property MainPID) != "$1" && $(property MainPID) != 0 ]]; }

changes_nothing() { deploy | grep -x 'nothing to change'; }
unit_is_valid() {
    local said
    said=$(as_pi systemd-analyze --user verify --recursive-errors=yes /etc/systemd/user/edge-detector.service 2>&1) ||
        return 1
    [[ -z $said ]]
}
leaves_nothing() { [[ -z $(in_ find /etc/systemd/user /etc/xdg/autostart /opt -name 'edge-detector*') ]]; }

main() {
    mkdir -p "$LAB"
    make_root "$root" "$suite" "$(dpkg --print-architecture)"
    put_checkout "$root"
    : >"$log"
    boot || { tail -20 "$log"; exit 1; }
    trap 'in_ systemctl poweroff; wait "$container"' EXIT

    deploy --uninstall --purge >/dev/null # of an earlier run
    check "a user with a screen" a_user_with_a_screen
    check "deploy.sh installs for sessions" deploy --session --source synthetic
    check "there is no system service" in_ test ! -e "/etc/systemd/system/$unit.service"
    check "the unit is valid" unit_is_valid
    check "at login it starts, and gets ready" log_in
    check "its window is on the user's screen" until_true 200 has_window
    check "the picture is in it" until_true 100 shows_the_red_disk
    check "kill -9: restarted" restarted_after_kill
    check "a second run changes nothing" changes_nothing
    check "uninstall" deploy --uninstall --purge
    check "uninstall leaves nothing" leaves_nothing
    finish
}
main
