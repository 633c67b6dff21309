# Shared by the scripts in this folder: roots, containers, and checks that say what they saw. Source it.
# shellcheck shell=bash disable=SC2154 # the script that sources it sets $root, $log and $unit

readonly LAB=${LAB:-/var/tmp/edge-detector-system-tests} # holds the roots: some 1 GB each
checkout=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
failures=0
container_name=edge-detector-test # the container's name
network=''                       # nspawn's option for it; none: this machine's network

# check WHAT COMMAND...: run the command, print whether it succeeded and its output.
check() {
    local outcome=ok said
    said=$(mktemp)
    "${@:2}" >"$said" 2>&1 || outcome=FAILED # no $(...): the command may start a process that must outlive it
    [[ $outcome == ok ]] || failures=$((failures + 1))
    printf '%-7s %s\n' "$outcome" "$1"
    sed 's/^/            /' "$said"
    rm -- "$said"
}

# prints_nothing COMMAND...: the command succeeds and prints nothing. A machine that does not answer is a failure.
prints_nothing() {
    local said
    said=$("$@") || { echo "failed: $*"; return 1; }
    printf '%s' "$said"
    [[ -z $said ]]
}

# are_gone PATH...: none of these is in the container or machine.
are_gone() {
    # shellcheck disable=SC2016 # expanded there
    prints_nothing in_ sh -c 'for path; do if [ -e "$path" ] || [ -L "$path" ]; then echo "$path"; fi; done' _ "$@"
}

finish() {
    echo "$failures failed"
    ((failures == 0))
}

# make_root FOLDER SUITE ARCHITECTURE [PACKAGE,...]: a Debian that boots, unless it is there already.
make_root() {
    local mirror
    [[ ! -e $1/etc/os-release ]] || return 0
    mirror=$(awk '/^URIs:/ { print $2; exit } /^deb / { print $2; exit }' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null)
    mmdebstrap --mode=root --variant=minbase --architectures="$3" \
        --include="systemd,systemd-sysv,dbus,udev,procps,sudo,rsync,openssh-server,ca-certificates,python3,python3-venv${4:+,$4}" \
        "$2" "$1" "deb [trusted=yes] $mirror $2 main" && return 0
    rm -rf -- "$1" # half a Debian would be taken for one the next time
    echo "there is no root $1: mmdebstrap failed" >&2
    exit 1
}

# make_key: the ssh key for the machines and containers.
make_key() { [[ -e $LAB/key ]] || ssh-keygen -q -t ed25519 -N '' -f "$LAB/key"; }

# emulate_arm64: let this kernel run aarch64 programs (qemu-user-static).
emulate_arm64() {
    [[ $(uname -m) != aarch64 ]] || return 0
    mountpoint --quiet /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    [[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]] ||
        cat /usr/lib/binfmt.d/qemu-aarch64.conf >/proc/sys/fs/binfmt_misc/register
}

# put_checkout ROOT: the project and what the network needs into the root.
put_checkout() {
    cp --dereference /etc/resolv.conf /etc/hosts "$1/etc/"
    cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"
    rsync --archive --delete --exclude=.git --exclude='.*_cache' --exclude=__pycache__ "$checkout/" "$1/root/edge-detector/"
}

# ---- a booted container. $root is its folder, $log gets the output of nspawn.

boot() {
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --boot --directory="$root" --register=no --keep-unit \
        --machine="$container_name" --console=read-only ${network:+"$network"} </dev/null >>"$log" 2>&1 &
    container=$!
    until_true 300 is_up
}

is_up() { [[ $(in_ systemctl is-system-running 2>/dev/null) =~ running|degraded ]]; }

leader() { ps -o pid= --ppid "$container" | head -1 | tr -d ' '; }

# in_ COMMAND...: run inside the container.
in_() { nsenter --target "$(leader)" --mount --uts --ipc --net --pid --cgroup --root --wd env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }

# until_true TENTHS COMMAND...: wait at most that long for the command to succeed.
until_true() {
    local _
    for _ in $(seq "$1"); do
        if "${@:2}"; then return 0; fi
        sleep 0.1
    done
    return 1
}

# ---- the service, in the container or machine that booted.

property() { in_ systemctl show --value --property="$1" "$unit"; }
main_pid() { property MainPID; }
is_active() { [[ $(property ActiveState) == active ]]; }
status_has() { [[ $(property StatusText) == *"$1"* ]] && property StatusText; }
log_has() { in_ journalctl --unit="$unit" --output=cat --no-pager | grep -- "$1" | tail -1; }

exposure() {
    in_ systemd-analyze security "$unit" --threshold=30 --no-pager | tail -1 # 3.0, exit code 1 above it
    return "${PIPESTATUS[0]}"
}
