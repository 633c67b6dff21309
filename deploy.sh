#!/usr/bin/env bash
# Installs, upgrades or removes edge-detector, on this machine or over ssh on others. See --help and docs/pi.md.
#
# Every step looks first and changes only what differs, so a second run changes nothing. --dry-run goes through
# the same steps and only names the changes.
set -euo pipefail
umask 022
export TMPDIR=/var/tmp # Trixie keeps /tmp in memory, and pip's downloads need more than a Pi Zero 2 has

readonly PREFIX=/opt/edge-detector VENV=/opt/edge-detector/venv SETTINGS=/etc/edge-detector STATE=/var/lib/edge-detector
readonly CONFIG=$SETTINGS/edge-detector.toml DEFAULTS=$SETTINGS/edge-detector.default.toml TOKEN=$SETTINGS/web-token ACCOUNT=edge-detector UNIT=edge-detector.service
readonly DISPLAY_UNIT=edge-detector-display.service # of sessions: lives as long as the display that the window is on
readonly COMMAND=/usr/local/bin/edge-detector
readonly SYSTEM_UNITS=/etc/systemd/system USER_UNITS=/etc/systemd/user
readonly AUTOSTART=/etc/xdg/autostart/edge-detector.desktop
readonly APT_LOG=$PREFIX/apt-packages                   # the packages that this script has installed
readonly PAGE_PORT=8080
readonly MAX_TEMPERATURE_C=80                           # where a Raspberry Pi's firmware begins to slow it down
readonly READERS=video                                  # the group that may read the web page's token
readonly NOT_ON_A_TARGET=(.git .ci tests benchmarks examples demo scripts) # what stays on the workstation

# What the window needs on the bare console, beside Python and the numpy that apt's picamera2 was built for.
readonly PACKAGES=(python3 python3-venv python3-numpy libgbm1 libegl1 libgles2 libgl1-mesa-dri libwayland-egl1)

action=install dry_run=false purge=false mode=auto source='' hosts=()
changes=0
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
scratch=''

usage() {
    cat <<'HELP'
usage: deploy.sh [options] [USER@HOST ...]

Installs edge-detector on this machine, or over ssh on each HOST in turn, or brings it up to date there.

  --source SOURCE   the camera to write into the configuration: 0, picamera2:0, /dev/video0, rtsp://...
  --service         a system service, also on a machine with a desktop (no window there, but the web page)
  --session         a program of the desktop session, with its window; the default on a machine with a desktop
  --uninstall       remove what was installed; an edited configuration and recordings stay
  --purge           with --uninstall: remove those too
  --dry-run         say what would be done, do nothing
  --help            this text
HELP
}

main() {
    parse "$@"
    if ((${#hosts[@]})); then
        deploy_to_all
    else
        as_root "$@"
        scratch=$(mktemp -d)
        trap 'rm -rf -- "$scratch"' EXIT
        "${action}_all"
        report_changes
    fi
}

parse() {
    while (($#)); do
        case $1 in
            --source) source=${2:?--source needs a value}; shift ;;
            --service) mode=service ;;
            --session) mode=session ;;
            --uninstall) action=uninstall ;;
            --purge) purge=true ;;
            --dry-run) dry_run=true ;;
            --help | -h) usage; exit 0 ;;
            -*) usage >&2; die "unknown option $1" 2 ;;
            *) hosts+=("$1") ;;
        esac
        shift
    done
}

# ---- saying and doing ------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }

die() {
    printf 'deploy.sh: error: %s\n' "$1" >&2
    exit "${2:-1}"
}

# change WHAT COMMAND...: say what changes, and run the command unless this is a dry run.
change() {
    changes=$((changes + 1))
    if $dry_run; then
        say "would: $1"
    else
        say "  $1"
        "${@:2}"
    fi
}

report_changes() {
    if ((changes == 0)); then
        say "nothing to change"
    elif $dry_run; then
        say "$changes changes to make; nothing was done"
    fi
}

# install_file FROM TO [MODE]: copy if the content differs.
install_file() {
    cmp --silent -- "$1" "$2" || change "write $2" install -D --mode="${3:-644}" -- "$1" "$2"
}

remove() {
    if [[ -e $1 || -L $1 ]]; then change "remove $1" rm -rf -- "$1"; fi
}

# ---- other machines --------------------------------------------------------------------------------------------------
# ${array[@]+"${array[@]}"}: a Mac's bash (3.2) treats an empty array as unset.

deploy_to_all() {
    local host failed=() words=()
    [[ $action == install ]] || words+=("--$action")
    [[ $mode == auto ]] || words+=("--$mode")
    [[ -z $source ]] || words+=(--source "$source")
    ! $purge || words+=(--purge)
    ! $dry_run || words+=(--dry-run)
    for host in "${hosts[@]}"; do
        say "== $host"
        deploy_to "$host" ${words[@]+"${words[@]}"} || failed+=("$host")
    done
    say "== $((${#hosts[@]} - ${#failed[@]})) of ${#hosts[@]} done${failed[*]:+; failed: ${failed[*]}}"
    ((${#failed[@]} == 0))
}

# Called in a condition, where `set -e` is off: each step handles its own failure.
deploy_to() {
    local host=$1 terminal=() folder words
    shift
    [[ ! -t 0 ]] || terminal=(-t) # so that sudo can ask for a password
    folder=$(ssh -- "$host" 'mktemp -d') || return 1
    words=${1:+$(printf ' %q' "$@")} # without words printf gives ''
    # shellcheck disable=SC2029  # expanded here, on purpose: the folder is the other machine's
    {
        ssh ${terminal[@]+"${terminal[@]}"} -- "$host" 'command -v rsync >/dev/null || sudo apt-get install -y -q rsync' &&
            rsync --archive --no-owner --no-group "${NOT_ON_A_TARGET[@]/#/--exclude=/}" --exclude=__pycache__ \
                --exclude='.*_cache' --exclude=/.venv -- "$here/" "$host:$folder/" &&
            ssh ${terminal[@]+"${terminal[@]}"} -- "$host" "bash $folder/deploy.sh$words"
    }
    local outcome=$?
    # shellcheck disable=SC2029
    ssh -- "$host" "rm -rf -- $folder" || return 1
    return "$outcome"
}

# ---- this machine ----------------------------------------------------------------------------------------------------

as_root() {
    if ((EUID != 0)) && ! $dry_run; then exec sudo bash "${BASH_SOURCE[0]}" "$@"; fi
}

install_all() {
    check_machine
    choose_mode
    apt_packages
    account
    virtual_environment
    models_and_labels
    settings
    units
    start
    $dry_run || say_where
}

check_machine() {
    local codename architecture
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && printf %s "${VERSION_CODENAME:-unknown}")
    architecture=$(dpkg --print-architecture 2>/dev/null || uname -m)
    case $codename in bookworm | trixie) ;; *) die "this is Debian '$codename'; expected bookworm (12) or trixie (13)" ;; esac
    case $architecture in arm64 | amd64) ;; *) die "the architecture is $architecture; expected 64 bit (arm64 or amd64)" ;; esac
    [[ -f $here/pyproject.toml ]] || die "$here has no pyproject.toml; run deploy.sh inside a checkout"
}

# The way it was installed before, else the session on a machine that boots into a desktop.
choose_mode() {
    [[ $mode == auto ]] || return 0
    if [[ -e $SYSTEM_UNITS/$UNIT ]]; then
        mode=service
    elif [[ -e $USER_UNITS/$UNIT ]] || boots_into_a_desktop; then
        mode=session
    else
        mode=service
    fi
}

boots_into_a_desktop() {
    [[ -L $SYSTEM_UNITS/display-manager.service && $(systemctl get-default) == graphical.target ]]
}

apt_packages() {
    local wanted=("${PACKAGES[@]}") missing=() name
    if has_picamera2; then wanted+=(python3-picamera2); fi
    for name in "${wanted[@]}"; do
        is_installed "$name" || missing+=("$name")
    done
    if ((${#missing[@]})); then change "install the packages ${missing[*]}" apt_install "${missing[@]}"; fi
}

has_picamera2() {
    compgen -G '/etc/apt/sources.list.d/raspi.*' >/dev/null || apt-cache show python3-picamera2 >/dev/null 2>&1
}

is_installed() { [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

apt_install() {
    local lock=(-o DPkg::Lock::Timeout=300) # a Pi that has just booted updates its own lists
    apt-get "${lock[@]}" update --quiet=2
    DEBIAN_FRONTEND=noninteractive apt-get "${lock[@]}" install --yes --quiet=2 --no-install-recommends "$@" >/dev/null
    mkdir -p "$PREFIX"
    printf '%s\n' "$@" >>"$APT_LOG"
}

account() {
    local group
    [[ $mode == service ]] || return 0
    getent passwd "$ACCOUNT" >/dev/null ||
        change "add the user $ACCOUNT" useradd --system --user-group --home-dir "$STATE" --no-create-home \
            --shell /usr/sbin/nologin "$ACCOUNT"
    for group in video render; do
        if getent group "$group" >/dev/null && ! id -nG "$ACCOUNT" 2>/dev/null | grep -qw "$group"; then
            change "add $ACCOUNT to the group $group" usermod --append --groups "$group" "$ACCOUNT"
        fi
    done
}

# The environment is built from these sources, this Python and this numpy; a stamp in it says from which ones.
virtual_environment() {
    local stamp
    stamp=$(stamp_of_environment)
    if [[ $(cat "$VENV/stamp" 2>/dev/null) != "$stamp" ]]; then
        change "install the program into $VENV" build_environment "$stamp"
    fi
    [[ $(readlink "$COMMAND") == "$VENV/bin/edge-detector" ]] ||
        change "link $COMMAND" ln -sfn "$VENV/bin/edge-detector" "$COMMAND"
}

stamp_of_environment() {
    {
        /usr/bin/python3 -VV 2>/dev/null
        system_numpy
        cd "$here"
        find edge_detector pyproject.toml -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
    } | sha256sum | cut -d' ' -f1
}

system_numpy() { /usr/bin/python3 -c 'import numpy; print(numpy.__version__)' 2>/dev/null || true; }

build_environment() {
    local pip=("$VENV/bin/python" -m pip --disable-pip-version-check --quiet)
    mkdir "$scratch/source"
    cp -r "$here/edge_detector" "$here"/{pyproject.toml,README.md,LICENSE} "$scratch/source"
    # An environment of another Python, from before an upgrade of Debian, cannot be repaired.
    [[ $("$VENV/bin/python" -VV 2>/dev/null) == "$(/usr/bin/python3 -VV)" ]] || rm -rf -- "$VENV"
    [[ -d $VENV ]] || /usr/bin/python3 -m venv --system-site-packages "$VENV"
    rm -f -- "$VENV/stamp"
    # apt's picamera2 and simplejpeg were compiled for apt's numpy: with another one they cannot be imported. pip
    # chooses an OpenCV that fits it.
    printf 'numpy==%s\n' "$(system_numpy)" >"$scratch/constraints.txt"
    "${pip[@]}" wheel --no-deps --wheel-dir "$scratch" "$scratch/source"
    "${pip[@]}" install --use-pep517 --constraint "$scratch/constraints.txt" \
        "$(echo "$scratch"/edge_detector-*.whl)[window,web,mqtt]"
    "${pip[@]}" install --no-deps --force-reinstall "$scratch"/edge_detector-*.whl # pip skips a wheel of the same version
    printf '%s\n' "$1" >"$VENV/stamp"
}

models_and_labels() {
    local file
    for file in "$here"/models/*.tflite "$here"/models/*.toml "$here"/labels/*.txt "$here/docs/pi.md"; do
        install_file "$file" "$PREFIX/${file#"$here"/}"
    done
}

# The configuration is the user's: it is replaced only if nobody has changed what an earlier deploy.sh wrote.
settings() {
    if [[ ! -x $VENV/bin/edge-detector ]]; then # a dry run before the first installation
        change "write $CONFIG"
        change "make a token for the web page in $TOKEN"
        return
    fi
    default_configuration >"$scratch/default.toml"
    if [[ ! -e $CONFIG ]] || cmp --silent -- "$CONFIG" "$DEFAULTS"; then
        install_file "$scratch/default.toml" "$CONFIG"
    fi
    install_file "$scratch/default.toml" "$DEFAULTS"
    move_sink_options
    if [[ -n $source ]]; then choose_source; fi
    [[ -e $TOKEN ]] || change "make a token for the web page in $TOKEN" make_token
}

default_configuration() {
    local words=(--sink window --sink "web:$(page_host):$PAGE_PORT?token_file=$TOKEN")
    if is_a_raspberry_pi; then words+=(--max-temperature "$MAX_TEMPERATURE_C"); fi
    "$VENV/bin/edge-detector" --print-config "${words[@]}"
}

# A desktop has the window; its page is for this machine only until the administrator writes 0.0.0.0 into the settings.
page_host() { if [[ $mode == session ]]; then echo 127.0.0.1; else echo 0.0.0.0; fi; }

# In configurations that earlier versions of this script wrote, three options of sinks have lines of their own.
move_sink_options() {
    grep -qsE '^(telemetry_csv|telemetry_interval|web_token_file) *=' "$CONFIG" || return 0
    change "move the options of sinks into the line sinks in $CONFIG" \
        /usr/bin/python3 "$here/systemd/move_sink_options.py" "$CONFIG"
}

is_a_raspberry_pi() { grep -qs 'Raspberry Pi' /proc/device-tree/model; }

choose_source() {
    local line
    line=$("$VENV/bin/edge-detector" --print-config --source "$source" | grep '^source = ')
    if [[ -e $CONFIG ]] && ! grep -qxF -- "$line" "$CONFIG"; then change "set $line in $CONFIG" set_source "$line"; fi
}

set_source() {
    LINE=$1 awk '/^source *=/ { print ENVIRON["LINE"]; found = 1; next } { print } END { if (!found) exit 1 }' \
        "$CONFIG" >"$scratch/config.toml" || printf '%s\n' "$1" | cat - "$CONFIG" >"$scratch/config.toml"
    install --mode=644 -- "$scratch/config.toml" "$CONFIG"
}

make_token() {
    install --mode=640 --group="$READERS" /dev/null "$TOKEN"
    /usr/bin/python3 -c 'import secrets; print(secrets.token_urlsafe(24))' >"$TOKEN"
}

units() {
    if [[ $mode == service ]]; then
        remove_session_units
        install_unit "$here/systemd/$UNIT" "$SYSTEM_UNITS"
        systemctl --quiet is-enabled "$UNIT" 2>/dev/null || change "enable $UNIT" systemctl --quiet enable "$UNIT"
    else
        remove_service_unit
        install_unit "$here/systemd/edge-detector-session.service" "$USER_UNITS"
        install_file "$here/systemd/$DISPLAY_UNIT" "$USER_UNITS/$DISPLAY_UNIT"
        install_file "$here/systemd/edge-detector.desktop" "$AUTOSTART"
        remove "$USER_UNITS/graphical-session.target.wants/$UNIT" # an earlier version was started by that too
    fi
}

# install_unit FILE FOLDER: the unit, and the settings that only newer versions of systemd know.
install_unit() {
    install_file "$1" "$2/$UNIT"
    if (($(systemctl --version | awk 'NR == 1 { print $2 }') >= 254)); then
        install_file "$here/systemd/since-254.conf" "$2/$UNIT.d/since-254.conf"
    else
        remove "$2/$UNIT.d/since-254.conf"
    fi
}

remove_service_unit() {
    [[ -e $SYSTEM_UNITS/$UNIT ]] || return 0
    change "stop and disable $UNIT" stop_service
    remove "$SYSTEM_UNITS/$UNIT"
    remove "$SYSTEM_UNITS/$UNIT.d"
    if booted; then $dry_run || systemctl daemon-reload; fi
}

stop_service() {
    if booted; then systemctl stop "$UNIT"; fi
    systemctl --quiet disable "$UNIT"
}

remove_session_units() {
    local user
    [[ -e $USER_UNITS/$UNIT ]] || return 0
    for user in $(desktop_users); do
        change "stop $UNIT in the session of $user" in_session "$user" stop "$UNIT"
    done
    remove "$USER_UNITS/graphical-session.target.wants/$UNIT"
    remove "$USER_UNITS/$DISPLAY_UNIT"
    remove "$USER_UNITS/$UNIT"
    remove "$USER_UNITS/$UNIT.d"
    remove "$AUTOSTART"
}

booted() { [[ -d /run/systemd/system ]]; }

in_session() { systemctl --quiet --user --machine="$1@.host" "${@:2}"; }

desktop_users() {
    local session
    booted || return 0
    loginctl list-sessions --no-legend 2>/dev/null | awk '{ print $1 }' | while read -r session; do
        case $(loginctl show-session "$session" --value --property=Class --property=Type | sort | tr '\n' ' ') in
            'user wayland ' | 'user x11 ') loginctl show-session "$session" --value --property=Name ;;
        esac
    done | sort -u
}

# Type=notify: systemctl returns when the first picture has gone through the model, or on failure.
start() {
    local user
    if ! booted; then
        say "systemd does not run here: $UNIT starts at the next boot"
    elif [[ $mode == service ]]; then
        start_with systemctl
    else
        for user in $(desktop_users); do start_with in_session "$user"; done
        [[ -n $(desktop_users) ]] || say "nobody is logged in to the desktop: the window opens at the next login"
    fi
}

# start_with SYSTEMCTL...: restart what changed, start what is not running.
start_with() {
    if ((changes > 0)) || ! "$@" is-active --quiet "$UNIT"; then
        change "start $UNIT and wait for its first result" restart "$@"
    fi
}

restart() {
    "$@" daemon-reload
    "$@" reset-failed "$UNIT" 2>/dev/null || true
    "$@" stop "$UNIT" # not restart: the start after it would wait for a camera that is not there, not fail
    "$@" start "$UNIT" || explain_failure
}

explain_failure() {
    log_of_the_unit --lines=10 --output=cat || true
    "$VENV/bin/edge-detector" doctor || true
    die "installed, but $UNIT did not become ready; the lines above say why"
}

# log_of_the_unit OPTION...: for root --user-unit= means root's own units, so a session's are named by the journal's fields.
log_of_the_unit() {
    local which=(--unit="$UNIT")
    if [[ $mode == session ]]; then
        which=("_SYSTEMD_USER_UNIT=$UNIT" + "USER_UNIT=$UNIT" + "_SYSTEMD_USER_UNIT=$DISPLAY_UNIT")
    fi
    journalctl --quiet --no-pager "$@" "${which[@]}" 2>/dev/null
}

say_where() {
    local name log='journalctl --unit=edge-detector' control='sudo systemctl'
    name=$(hostname)
    if is_installed avahi-daemon; then name+=.local; else name=$(hostname -I | cut -d' ' -f1); fi
    if [[ $mode == session ]]; then
        name=localhost log='journalctl --user-unit=edge-detector' control='systemctl --user'
    fi
    say "page      http://${name:-localhost}:$PAGE_PORT/?token=$(cat "$TOKEN")"
    if [[ $mode == session ]]; then
        say "window    on the desktop of whoever is logged in, and in VNC"
    else
        say "window    on a monitor at this machine, unless it runs a desktop (then: deploy.sh --session)"
    fi
    say "log       $log --follow"
    say "settings  $CONFIG, then: $control reload edge-detector"
    say "health    edge-detector doctor"
}

# ---- removal ---------------------------------------------------------------------------------------------------------

uninstall_all() {
    remove_service_unit
    remove_session_units
    if [[ -s $APT_LOG ]]; then
        change "let 'apt autoremove' remove the packages that were installed for it" xargs --arg-file="$APT_LOG" apt-mark auto
    fi
    if [[ $(readlink "$COMMAND") == "$VENV"/* ]]; then remove "$COMMAND"; fi
    remove "$PREFIX"
    remove_settings
    remove_state
    if getent passwd "$ACCOUNT" >/dev/null; then change "remove the user $ACCOUNT" userdel "$ACCOUNT"; fi
}

remove_settings() {
    if $purge || [[ ! -e $CONFIG ]] || cmp --silent -- "$CONFIG" "$DEFAULTS"; then
        remove "$SETTINGS"
    else
        remove "$DEFAULTS"
        remove "$TOKEN"
        say "kept: $CONFIG, which was edited (--purge removes it)"
    fi
}

remove_state() {
    remove /var/cache/edge-detector
    if $purge || [[ -z $(find "$STATE" -type f -print -quit 2>/dev/null) ]]; then
        remove "$STATE"
    else
        say "kept: the files in $STATE (--purge removes them)"
    fi
}

main "$@"
