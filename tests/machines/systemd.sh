#!/usr/bin/env bash
# The service in a booted Debian: deploy.sh, readiness, every way to fail, reload, reboot, removal. Needs root,
# systemd-container and mmdebstrap. See README.md.
#
#   systemd.sh [bookworm|trixie]
# shellcheck disable=SC2119,SC2120  # deploy is also called without options
set -uo pipefail
# shellcheck source=tests/machines/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

suite=${1:-bookworm}
root=$LAB/$suite-$(dpkg --print-architecture)-systemd
log=$LAB/$suite-systemd.log
unit=edge-detector

deploy() { in_ bash /root/edge-detector/deploy.sh "$@"; }
set_option() { in_ sed -i "s|^$1 = .*|$1 = $2|" /etc/edge-detector/edge-detector.toml; }
stays_failed() { sleep 12; [[ $(property ActiveState) == failed ]]; } # RestartSec is 10 s

# restarts_after COMMAND...: the main process is another one afterwards, and ready again.
restarts_after() {
    local before
    before=$(main_pid)
    "$@" || return 1
    until_true 900 another_is_ready "$before" && echo "pid $before, then $(main_pid), NRestarts $(property NRestarts)"
}
another_is_ready() { is_active && [[ $(main_pid) != "$1" && $(main_pid) != 0 ]]; }

kill_main() {
    local pid
    pid=$(main_pid)
    ((pid > 0)) && in_ kill "-$1" "$pid" # kill 0 would be this script
}

same_process_after_reload() {
    local before
    before=$(main_pid)
    set_option confidence 0.25 && set_option classes '["person"]' && in_ systemctl reload "$unit" || return 1
    until_true 100 log_has reloaded: >/dev/null || return 1
    [[ $(main_pid) == "$before" ]] && log_has reloaded:
}

keeps_running_after_a_wrong_reload() {
    local before
    before=$(main_pid)
    set_option classes '["persn"]' && in_ systemctl reload "$unit" || return 1
    until_true 100 log_has persn >/dev/null || return 1
    [[ $(main_pid) == "$before" ]] && log_has persn && set_option classes '[]'
}

wrong_configuration_is_not_restarted() {
    set_option confidence 7
    in_ systemctl restart "$unit"
    stays_failed && echo "exit status $(property ExecMainStatus), NRestarts $(property NRestarts)"
    [[ $(property ExecMainStatus) == 78 && $(property NRestarts) == 0 ]]
}

works_again() {
    set_option confidence 0.5 && set_option classes '[]'
    in_ systemctl restart "$unit" && is_active
}

survives_a_reboot() {
    in_ systemctl reboot
    wait "$container" # nspawn ends with 133 for a reboot
    boot
    until_true 900 is_active && in_ journalctl --list-boots --no-pager | wc -l | xargs echo "ready; boots in the journal:"
}

unit_is_valid() { # systemd 252 exits with 0 on unknown keys: only no output means valid
    local said
    said=$(in_ systemd-analyze verify --recursive-errors=yes "/etc/systemd/system/$unit.service" 2>&1) && [[ -z $said ]]
}

leaves_nothing() {
    are_gone /opt/edge-detector /etc/edge-detector /var/lib/edge-detector /var/cache/edge-detector \
        /etc/systemd/system/$unit.service /usr/local/bin/edge-detector &&
        prints_nothing in_ sh -c 'getent passwd edge-detector || true'
}

changes_nothing() { deploy | grep -x 'nothing to change'; }

# deploy.sh from this machine, as a workstation; a wrapper named ssh knows the container's port and key.
opens_ssh() {
    mkdir -p "$LAB/bin"
    make_key
    cat >"$LAB/bin/ssh" <<SH
#!/bin/sh
exec /usr/bin/ssh -p 2222 -i $LAB/key -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR "\$@"
SH
    chmod +x "$LAB/bin/ssh"
    [[ -e $root/usr/sbin/sshd ]] || in_ apt-get install --yes --quiet=2 --no-install-recommends openssh-server
    in_ mkdir -p /run/sshd
    install -D --mode=600 "$LAB/key.pub" "$root/root/.ssh/authorized_keys"
    in_ systemd-run --quiet --unit=sshd-test /usr/sbin/sshd -D -p 2222
    until_true 50 ssh_works
}

ssh_works() { "$LAB/bin/ssh" root@127.0.0.1 true; }

deploys_over_ssh() {
    opens_ssh && PATH=$LAB/bin:$PATH "$root/root/edge-detector/deploy.sh" root@127.0.0.1 root@localhost >"$LAB/over-ssh"
    tail -2 "$LAB/over-ssh"
    [[ $(grep -c '^root@.* | nothing to change$' "$LAB/over-ssh") == 2 ]]
}

names_the_host_that_failed() {
    PATH=$LAB/bin:$PATH "$root/root/edge-detector/deploy.sh" --dry-run root@127.0.0.1 nobody@127.0.0.1 >"$LAB/over-ssh" 2>&1
    tail -1 "$LAB/over-ssh" | grep -x '== 1 of 2 done; failed: nobody@127.0.0.1'
}

in_use() { readlink "$root/opt/edge-detector/venv"; }

# deploy_without_a_network FOLDER
deploy_without_a_network() { in_ unshare --net bash "$1/deploy.sh"; }

a_broken_version_is_not_used() {
    local before process
    before=$(in_use) process=$(main_pid)
    printf '\nimport no_such_module\n' >>"$root/root/edge-detector/edge_detector/detect/detector.py"
    ! deploy || return 1
    put_checkout "$root"
    [[ $(in_use) == "$before" && $(main_pid) == "$process" && $(in_ ls /opt/edge-detector/venvs | wc -l) -le 2 ]]
}

upgrades_without_a_network() {
    local before settings environment
    before=$(main_pid) settings=$(in_ sha256sum /etc/edge-detector/edge-detector.toml) environment=$(in_use)
    printf '\n# another version\n' >>"$root/root/edge-detector/edge_detector/__init__.py"
    deploy_without_a_network /root/edge-detector || return 1
    in_ du -sm /opt/edge-detector/venvs
    is_active && [[ $(main_pid) != "$before" && $(in_use) != "$environment" ]] &&
        [[ $(in_ sha256sum /etc/edge-detector/edge-detector.toml) == "$settings" ]]
}

goes_back_and_forward() {
    local newest
    newest=$(in_use)
    deploy --rollback && is_active && [[ $(in_use) != "$newest" ]] || return 1
    deploy --rollback && is_active && [[ $(in_use) == "$newest" ]]
}

# A bundle, made on this machine, installs where there is no environment yet.
installs_a_bundle_without_a_network() {
    local name
    (cd "$LAB" && "$checkout/deploy.sh" --bundle --architecture "$(dpkg --print-architecture)") || return 1
    name=$(cd "$LAB" && basename edge-detector-*.tar.gz .tar.gz)
    tar -C "$root/root" --no-same-owner -xzf "$LAB/$name.tar.gz"
    in_ systemctl stop "$unit"
    in_ sh -c 'rm -rf /opt/edge-detector/venv*'
    deploy_without_a_network "/root/$name" && is_active
    local outcome=$?
    rm -rf "$LAB/$name.tar.gz" "$root/root/$name"
    return $outcome
}

# A password reaches the configuration, and nothing that is printed or that others can read. The camera does not exist,
# so what deploy.sh, doctor and the journal say about it is among the output.
hides_a_password() {
    local config=/etc/edge-detector/edge-detector.toml said readers
    said=$(deploy --source rtsp://a:s3cret@127.0.0.1/1 2>&1)
    in_ grep -q s3cret $config || return 1
    readers=$(in_ stat --format='%a %U:%G' $config)
    deploy --source synthetic >/dev/null
    echo "$readers"
    ! grep s3cret <<<"$said" && [[ $readers == "640 root:edge-detector" ]]
}

keeps_the_administrators_settings() {
    in_ mkdir -p "/etc/systemd/system/$unit.service.d"
    in_ sh -c "printf '[Service]\nNice=7\n' >/etc/systemd/system/$unit.service.d/override.conf"
    deploy --uninstall | grep "^kept: the administrator's settings" && deploy --source synthetic &&
        [[ $(property Nice) == 7 ]]
}

keeps_what_is_the_users() {
    in_ touch /var/lib/edge-detector/film.mp4
    deploy --uninstall | grep '^kept' && in_ test -e /etc/edge-detector/edge-detector.toml
}

says_what_is_missing() { ! deploy && log_has 'no such camera'; }

has_its_priority() { in_ journalctl --unit="$unit" --priority=err --output=cat --no-pager | grep 'confidence is 7'; }

# A drop-in plays a camera's damaged pictures: libjpeg's message about each, and another line.
leaves_out_what_libjpeg_says() {
    in_ mkdir -p "/run/systemd/system/$unit.service.d"
    in_ sh -c "cat >/run/systemd/system/$unit.service.d/camera.conf" <<'DROP_IN'
[Service]
ExecStartPre=sh -c 'echo "Corrupt JPEG data: 4 extraneous bytes before marker 0xd9" >&2; echo "something else" >&2'
DROP_IN
    in_ systemctl daemon-reload && in_ systemctl restart "$unit" && log_has "something else" && ! log_has "Corrupt JPEG"
    local outcome=$?
    in_ rm "/run/systemd/system/$unit.service.d/camera.conf" && in_ systemctl daemon-reload
    return $outcome
}

leaves_no_files_on_the_target() { prints_nothing in_ find /tmp -maxdepth 2 -name deploy.sh; }

main() {
    mkdir -p "$LAB"
    make_root "$root" "$suite" "$(dpkg --print-architecture)"
    rm -rf "$root"/var/log/journal/*/ # of an earlier run
    put_checkout "$root"
    : >"$log"
    boot || { tail -20 "$log"; exit 1; }
    trap 'in_ systemctl poweroff; wait "$container"' EXIT

    deploy --uninstall --purge >/dev/null # of an earlier run
    check "a dry run changes nothing" deploy --dry-run --source synthetic
    check "without a camera deploy.sh fails and says so" says_what_is_missing
    check "deploy.sh installs, starts and waits until ready" deploy --source synthetic
    check "the unit is valid" unit_is_valid
    check "exposure at most 3.0" exposure
    check "the status line has frames a second" until_true 400 status_has fps
    check "a second run changes nothing" changes_nothing
    check "a version that fails its test is not used, and the service runs on" a_broken_version_is_not_used
    check "an upgrade without a network keeps the settings and starts the new version" upgrades_without_a_network
    check "--rollback goes back, and again forward" goes_back_and_forward
    check "over ssh to two hosts: nothing to change" deploys_over_ssh
    check "a host that fails is named" names_the_host_that_failed
    check "nothing is left in /tmp" leaves_no_files_on_the_target
    check "a password in a source is hidden" hides_a_password
    check "uninstall keeps the administrator's drop-in" keeps_the_administrators_settings
    check "a bundle installs without a network" installs_a_bundle_without_a_network
    check "SIGHUP: new thresholds, same process" same_process_after_reload
    check "SIGHUP with a wrong class is an error in the log, no more" keeps_running_after_a_wrong_reload
    check "kill -9: restarted" restarts_after kill_main KILL
    check "SIGSTOP: the watchdog restarts it" restarts_after kill_main STOP
    check "the watchdog is in the journal" log_has "Watchdog timeout"
    check "a wrong configuration is not restarted" wrong_configuration_is_not_restarted
    check "the reason is in the journal" log_has "confidence is 7"
    check "it is an error there, not mere information" has_its_priority
    check "corrected, it works again" works_again
    [[ $suite == bookworm ]] || check "a camera's damaged pictures do not fill the journal" leaves_out_what_libjpeg_says
    check "after a reboot it runs" survives_a_reboot
    check "doctor finds no error" in_ edge-detector doctor
    in_ journalctl --unit=$unit --output=short-monotonic --no-pager >"$LAB/$suite-journal.txt"
    check "uninstall keeps edited settings and recordings" keeps_what_is_the_users
    check "uninstall --purge" deploy --uninstall --purge
    check "uninstall leaves nothing" leaves_nothing
    finish
}
main
