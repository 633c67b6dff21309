#!/usr/bin/env bash
# The detector as a program of a desktop session: the user unit, its window on the session's display, logout and the next
# login, removal. The session is logind's, its journal is in memory as on Raspberry Pi OS, and its user lingers. The
# desktop is labwc where Debian has it (Trixie), else an X server. Needs root, systemd-container and mmdebstrap. See
# README.md.
#
#   session.sh [bookworm|trixie]
set -uo pipefail
# shellcheck source=tests/machines/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

suite=${1:-bookworm}
root=$LAB/$suite-$(dpkg --print-architecture)-systemd
log=$LAB/$suite-session.log
unit=edge-detector
autostart=/etc/xdg/autostart/edge-detector.desktop
picture=$LAB/session-screen

deploy() { in_ bash /root/edge-detector/deploy.sh "$@"; }

packages() {
    local wanted=(libpam-systemd dbus-user-session xvfb x11-utils x11-apps)
    [[ $suite == bookworm ]] || wanted+=(labwc grim)
    in_ apt-get update --quiet=2 &&
        in_ apt-get install --yes --quiet=2 --no-install-recommends "${wanted[@]}" >/dev/null 2>&1
}

a_user_who_lingers() {
    in_ id pi 2>/dev/null || in_ useradd --create-home --groups video,render,sudo,adm pi || return
    in_ loginctl enable-linger pi && until_true 100 as_pi systemctl --user --quiet is-active default.target
}

a_journal_in_memory() {
    in_ sh -c 'mkdir -p /etc/systemd/journald.conf.d && rm -rf /var/log/journal &&
        printf "[Journal]\nStorage=volatile\n" >/etc/systemd/journald.conf.d/volatile.conf && systemctl restart systemd-journald'
    in_ test ! -e /var/log/journal
}

# starts_a_desktop KIND COMMAND...: a session of logind's, whose leader is the display server.
starts_a_desktop() {
    in_ systemd-run --quiet --collect --unit=desktop --property=PAMName=login --property=User=pi \
        --setenv=XDG_SESSION_CLASS=user --setenv=XDG_SESSION_TYPE="$1" --setenv=WLR_BACKENDS=headless \
        --setenv=WLR_LIBINPUT_NO_DEVICES=1 --setenv=WLR_RENDERER=pixman "${@:2}"
}

# What the desktop does at login: it starts its display server, then the autostart entry.
logs_in() {
    if [[ $suite == bookworm ]]; then
        starts_a_desktop x11 Xvfb :7 -screen 0 1280x800x24 && until_true 100 in_ test -S /tmp/.X11-unix/X7 || return
    else
        starts_a_desktop wayland labwc && until_true 100 in_ test -S /run/user/1000/wayland-0 || return
    fi
    in_desktop sh -c "$(in_ sed -n 's/^Exec=.*-c "\(.*\)"$/\1/p' $autostart)"
}

logs_out() { in_ systemctl stop desktop; }

as_pi() { in_ setpriv --reuid=1000 --regid=1000 --init-groups env HOME=/home/pi XDG_RUNTIME_DIR=/run/user/1000 "$@"; }

in_desktop() {
    if [[ $suite == bookworm ]]; then as_pi env DISPLAY=:7 "$@"; else as_pi env WAYLAND_DISPLAY=wayland-0 "$@"; fi
}

property() { as_pi systemctl --user show --value --property="$1" "$unit"; }
is_active() { [[ $(property ActiveState) == active ]]; }
is_inactive() { [[ $(property ActiveState) == inactive ]]; }

gets_ready() { until_true 900 is_active && property StatusText; }

# The synthetic camera's red disk: rows of pure red on the screen, in the byte order of its picture format.
shows_the_red_disk() {
    if [[ $suite == bookworm ]]; then
        in_desktop xwd -root -silent >"$picture" || return
    else
        in_desktop grim -t ppm - >"$picture" || return
    fi
    python3 - "$picture" <<'PYTHON'
import sys
dump = open(sys.argv[1], "rb").read()
rows = max(dump.count(pixel * 40) for pixel in (b"\0\0\xff", b"\0\0\xff\0", b"\xff\0\0"))
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
unit_is_valid() { prints_nothing as_pi sh -c 'systemd-analyze --user verify --recursive-errors=yes /etc/systemd/user/edge-detector*.service 2>&1'; }

exposure() { # of a user unit systemd-analyze knows neither the user nor that a user has no capabilities
    in_ systemd-analyze security --offline=true --threshold=50 --no-pager "/etc/systemd/user/$unit.service" | tail -1
    return "${PIPESTATUS[0]}"
}

# The whole system is read-only to it, its own folders are not.
is_confined() {
    local pid mounts
    pid=$(property MainPID)
    ((pid > 0)) && in_ grep -E '^NoNewPrivs:.*1$' "/proc/$pid/status" && in_ grep -E '^Seccomp:.*2$' "/proc/$pid/status" || return
    # shellcheck disable=SC2016 # expanded there, by awk
    mounts=$(in_ awk '{ print $5, substr($6, 1, 2) }' "/proc/$pid/mountinfo") || return
    grep -x '/ ro' <<<"$mounts" && grep -E '^/home/pi/.*/edge-detector rw$' <<<"$mounts" && ! grep -E '^/home(/pi)? rw$' <<<"$mounts"
}

listens_on_loopback_only() {
    local sockets
    sockets=$(in_ cat /proc/net/tcp /proc/net/tcp6) || return
    grep -q ' 0100007F:1F90 .* 0A ' <<<"$sockets" && ! grep -E ' (00000000|0{32}):1F90 .* 0A ' <<<"$sockets"
}

set_source() { in_ sed -i "s|^source = .*|source = \"$1\"|" /etc/edge-detector/edge-detector.toml; }

says_why_it_does_not_start() {
    local said
    said=$(deploy --source /dev/video98) && return 1
    grep -E '^(error|warning) +service .*no such camera' <<<"$said" # a warning where systemd has started it again by now
    local outcome=$?
    set_source synthetic
    return "$outcome"
}

its_user_can_read_the_log() { as_pi journalctl --quiet --user-unit=$unit --output=cat --no-pager | grep 'no such camera' | tail -1; }

ends_at_logout() { logs_out && until_true 350 is_inactive && property Result; }

does_not_start_without_a_desktop() {
    ! as_pi systemctl --user start $unit && in_ journalctl --no-pager --output=cat | grep 'nobody is logged in to the desktop' | tail -1
}

leaves_nothing() {
    are_gone /opt/edge-detector $autostart /etc/systemd/user/edge-detector.service /etc/systemd/user/edge-detector.service.d \
        /etc/systemd/user/edge-detector-display.service
}

main() {
    mkdir -p "$LAB"
    make_root "$root" "$suite" "$(dpkg --print-architecture)"
    put_checkout "$root"
    : >"$log"
    boot || { tail -20 "$log"; exit 1; }
    trap 'in_ systemctl poweroff; wait "$container"' EXIT

    deploy --uninstall --purge >/dev/null # of an earlier run
    check "the packages of a desktop" packages
    check "a journal in memory" a_journal_in_memory
    check "a user who lingers" a_user_who_lingers
    check "deploy.sh installs for sessions" deploy --session --source synthetic
    check "there is no system service" are_gone "/etc/systemd/system/$unit.service"
    check "the units are valid" unit_is_valid
    check "exposure at most 5.0" exposure
    check "without a desktop it does not start, and says so" does_not_start_without_a_desktop
    check "a login" logs_in
    check "the detector gets ready" gets_ready
    check "its picture is on the desktop" until_true 300 shows_the_red_disk
    check "it is confined" is_confined
    check "its page is for this machine only" listens_on_loopback_only
    check "kill -9: restarted" restarted_after_kill
    check "a second run changes nothing" changes_nothing
    check "a start that fails has its reason in deploy.sh's output" says_why_it_does_not_start
    check "and in the log, for the user" its_user_can_read_the_log
    check "at logout it ends, although the user lingers" ends_at_logout
    check "the next login" logs_in
    check "the detector gets ready again" gets_ready
    check "its picture is on the new desktop" until_true 300 shows_the_red_disk
    check "uninstall" deploy --uninstall --purge
    check "uninstall leaves nothing" leaves_nothing
    finish
}
main
