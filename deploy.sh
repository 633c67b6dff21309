#!/usr/bin/env bash
# Installs, upgrades or removes edge-detector, on this machine or over ssh on others. See --help and docs/pi.md.
#
# Every step looks first and changes only what differs, so a second run changes nothing. --dry-run goes through
# the same steps and only names the changes.
set -euo pipefail
umask 022
export TMPDIR=/var/tmp # Trixie keeps /tmp in memory, and pip's downloads need more than a Pi Zero 2 has

readonly PREFIX=/opt/edge-detector SETTINGS=/etc/edge-detector STATE=/var/lib/edge-detector
readonly VENVS=$PREFIX/venvs                            # one virtual environment for each version
readonly VENV=$PREFIX/venv PREVIOUS=$PREFIX/venv.previous # links to the one in use, and to the one before it
readonly CONFIG=$SETTINGS/edge-detector.toml DEFAULTS=$SETTINGS/edge-detector.default.toml TOKEN=$SETTINGS/web-token
readonly ACCOUNT=edge-detector UNIT=edge-detector.service
readonly DISPLAY_UNIT=edge-detector-display.service # of sessions: lives as long as the display that the window is on
readonly COMMAND=/usr/local/bin/edge-detector
readonly SYSTEM_UNITS=/etc/systemd/system USER_UNITS=/etc/systemd/user
readonly AUTOSTART=/etc/xdg/autostart/edge-detector.desktop
readonly OWN_DROP_INS=(since-254.conf back-off.conf)    # beside the unit; all others are the administrator's
readonly APT_LOG=$PREFIX/apt-packages                   # the packages that this script has installed
readonly PAGE_PORT=8080
readonly MAX_TEMPERATURE_C=80                           # where a Raspberry Pi's firmware begins to slow it down
readonly READERS=video                                  # the group that may read the web page's token
readonly TEST_MODEL=ssd_mobilenet_v2_fpnlite_320_coco_int8.tflite
readonly SETUPTOOLS=77                                  # the oldest one that can build the program
readonly LEAST_RAM_MB=300 FREE_RAM_MB=300               # of the whole machine; free before the first start
readonly FIRST_MB=900 LIBRARIES_MB=600 PROGRAM_MB=50    # of disk: with apt's packages; a new environment; the program

# What the window needs on the bare console, beside Python and the numpy that apt's picamera2 was built for.
readonly NEEDED=(python3 python3-venv python3-numpy)
readonly GRAPHICS=(libgbm1 libegl1 libgles2 libgl1-mesa-dri libwayland-egl1)

action=install dry_run=false purge=false mode=auto source='' model='' architecture=arm64
options=() hosts=() # the words of the command line, without --source
changes=0
unfinished='' # an environment that is being built or tested
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
scratch=''

usage() {
    cat <<'HELP'
usage: deploy.sh [options] [USER@HOST ...]

Installs edge-detector on this machine, or over ssh on each HOST, all at the same time, or brings it up to date there.

  --source SOURCE   the camera to write into the configuration: 0, picamera2:0, /dev/video0, rtsp://...
                    "-" reads it from the keyboard or a pipe: a password in it is then not in the shell's history
  --model NAME      the model to write into the configuration: a name of "edge-detector models", or a file's full path
  --service         a system service, also on a machine with a desktop (no window there, but the web page)
  --session         a program of the desktop session, with its window; the default on a machine with a desktop
  --rollback        go back to the version that was installed before this one
  --bundle          make an archive in the current folder that installs without a network, for Debian 12 and 13
  --architecture A  with --bundle: arm64 (the default) or amd64
  --uninstall       remove what was installed; an edited configuration and recordings stay
  --purge           with --uninstall: remove those too
  --dry-run         say what would be done, do nothing
  --version         the version and commit of this copy, and of what is installed
  --help            this text
HELP
}

main() {
    parse "$@"
    hide_source
    trap clean_up EXIT
    scratch=$(mktemp -d "$TMPDIR/edge-detector.XXXXXX")
    if ((${#hosts[@]})); then
        deploy_to_all
    else
        case $action in install | rollback | uninstall) as_root ;; esac
        "${action}_all"
        case $action in install | rollback | uninstall) report_changes ;; esac
    fi
}

clean_up() {
    [[ -z $unfinished ]] || rm -rf -- "$unfinished"
    [[ -z $scratch ]] || rm -rf -- "$scratch"
}

parse() {
    while (($#)); do
        case $1 in
            --source) source=${2:?--source needs a value}; shift 2; continue ;;
            --model) model=${2:?--model needs a value}; options+=("$1"); shift ;;
            --architecture) architecture=${2:?--architecture needs a value}; options+=("$1"); shift ;;
            --service) mode=service ;;
            --session) mode=session ;;
            --rollback) action=rollback ;;
            --bundle) action=bundle ;;
            --uninstall) action=uninstall ;;
            --purge) purge=true ;;
            --dry-run) dry_run=true ;;
            --version) action=version ;;
            --help | -h) usage; exit 0 ;;
            -*) usage >&2; die "unknown option $1" 2 ;;
            *) hosts+=("$1"); shift; continue ;;
        esac
        options+=("$1")
        shift
    done
}

# A source may hold a password, and all users of a machine can read the command lines of its processes. So this script
# starts itself again with the source on standard input, and hands it on only in files that nobody else can read.
hide_source() {
    if [[ $source == - ]]; then
        read_source
    elif [[ -n $source ]]; then
        exec "$BASH" "${BASH_SOURCE[0]}" ${options[@]+"${options[@]}"} ${hosts[@]+"${hosts[@]}"} --source - <<<"$source"
    fi
}

read_source() {
    [[ ! -t 0 ]] || printf 'source: ' >&2
    IFS= read -r source || true
    [[ -n $source ]] || die "--source -: nothing on standard input; expected a line with the source" 2
    if { : </dev/tty; } 2>/dev/null; then exec </dev/tty; else exec </dev/null; fi # for the passwords of ssh and sudo
}

# ---- saying and doing ------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }

die() {
    printf 'deploy.sh: error: %s\n' "$1" >&2
    exit "${2:-1}"
}

# progress WORD COMMAND...: run the command, and show those lines of its output that begin with one of the words (a|b).
progress() { "${@:2}" | awk -v words="^ *($1)" '$0 ~ words { print "    " $0; fflush() }'; }

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

# ---- what a machine needs -------------------------------------------------------------------------------------------
# A checkout has the sources; a release has, in their place, wheels and the files RELEASE and SOURCES. A release is what
# goes to other machines, over ssh or in a bundle. Both can be installed.

is_checkout() { [[ -f $here/pyproject.toml ]]; }

version_all() {
    say "edge-detector $(release)"
    if [[ -e $VENV/version ]]; then say "installed: $(cat "$VENV/version")"; else say "installed: nothing"; fi
}

# The version and its commit: 0.1.0 (1a2b3c4d5e)
release() {
    if is_checkout; then
        printf '%s (%s)\n' "$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$here/edge_detector/version.py")" "$(commit)"
    else
        cat "$here/RELEASE"
    fi
}

# safe.directory: git as root does not trust another user's checkout.
commit() {
    local git=(git -c "safe.directory=$here" -C "$here" describe --always --dirty --abbrev=10 '--exclude=*')
    if [[ ! -e $here/.git ]] || ! "${git[@]}" 2>/dev/null; then printf 'commit unknown'; fi
}

hash_of_sources() {
    if is_checkout; then
        contents edge_detector demo pyproject.toml requirements | sha256
    else
        cat "$here/SOURCES"
    fi
}

# contents PATH...: names and contents of these files of the checkout, in an order that is the same everywhere.
contents() {
    local files
    files=$(cd "$here" && find "$@" -type f ! -path '*/__pycache__/*' | LC_ALL=C sort)
    printf '%s\n' "$files"
    tr '\n' '\0' <<<"$files" | (cd "$here" && xargs -0 cat --)
}

sha256() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi | cut -d' ' -f1; }

# make_release FOLDER
make_release() {
    mkdir -p "$1/docs" "$1/wheels"
    cp -R "$here"/{deploy.sh,LICENSE,models,labels,systemd,requirements} "$1"
    cp "$here/docs/pi.md" "$1/docs"
    release >"$1/RELEASE"
    hash_of_sources >"$1/SOURCES"
    if is_checkout; then
        build_program "$1/wheels"
        build_libraries "$1/wheels"
    else
        cp -R "$here/wheels/." "$1/wheels"
    fi
}

# build_program FOLDER: the program's wheel.
build_program() {
    local source=$scratch/source
    rm -rf -- "$source"
    mkdir "$source"
    cp -R "$here"/{edge_detector,demo,pyproject.toml,README.md,LICENSE} "$source"
    build_wheel "$1" "$source"
}

# build_libraries FOLDER: wheels of the libraries that are published as sources only.
build_libraries() { build_wheel "$1" --require-hashes --requirement "$here/requirements/source.txt"; }

# build_wheel FOLDER WORDS OF PIP...: made by a Python whose setuptools can do it, else pip fetches setuptools first.
# The wheels hold Python code only, so the Python that makes them may be another one than the one that uses them.
build_wheel() {
    local python isolation=--no-build-isolation
    python=$(python_that_builds)
    if [[ -z $python ]]; then
        python=$scratch/builder/bin/python isolation=--use-pep517
        [[ -e $python ]] || python3 -m venv "$scratch/builder"
    fi
    "$python" -m pip --disable-pip-version-check --quiet wheel --no-deps --ignore-requires-python --use-pep517 \
        "$isolation" --wheel-dir "$1" "${@:2}"
}

python_that_builds() {
    local python
    for python in "$VENV/bin/python" "$here/.venv/bin/python" python3; do
        if can_build "$python"; then printf '%s\n' "$python"; return; fi
    done
}

can_build() {
    "$1" -c 'import setuptools, pip, sys; sys.exit(int(setuptools.__version__.split(".")[0]) < int(sys.argv[1]))' \
        "$SETUPTOOLS" 2>/dev/null
}

# ---- a bundle: a release with the wheels of all libraries ------------------------------------------------------------

bundle_all() {
    local name platform python
    is_checkout || die "$here is a bundle already; a bundle is made in a checkout"
    case $architecture in
        arm64) platform=aarch64 ;;
        amd64) platform=x86_64 ;;
        *) die "unknown architecture '$architecture'; known: amd64, arm64" 2 ;;
    esac
    name=edge-detector-$(release | cut -d' ' -f1)-$architecture
    if $dry_run; then say "would: make $PWD/$name.tar.gz"; return; fi
    make_release "$scratch/$name"
    for python in 3.11 3.13; do download_libraries "$scratch/$name" "$python" "$platform"; done
    say "$architecture" >"$scratch/$name/wheels/libraries/ARCHITECTURE"
    checksums "$scratch/$name"
    COPYFILE_DISABLE=1 tar -C "$scratch" -czf "$PWD/$name.tar.gz" "$name"
    say "$PWD/$name.tar.gz, SHA-256 $(sha256 "$PWD/$name.tar.gz")"
}

# download_libraries RELEASE PYTHON PLATFORM: the wheels that the lock file names, each compared with its SHA-256.
download_libraries() {
    local glibc platforms=("--platform=manylinux2014_$3") python
    for glibc in 17 24 27 28 31 34 36; do platforms+=("--platform=manylinux_2_${glibc}_$3"); done # Bookworm has 2.36
    [[ -e $scratch/downloader ]] || python3 -m venv "$scratch/downloader"
    python=$scratch/downloader/bin/python
    (cd "$1/wheels" && progress 'Saved' "$python" -m pip --disable-pip-version-check download --no-deps \
        --require-hashes --progress-bar off --only-binary=:all: --implementation=cp --python-version="$2" \
        --abi="cp${2/./}" "${platforms[@]}" --requirement "$here/requirements/cp${2/./}.txt" --dest libraries)
}

checksums() {
    local file
    (cd "$1" && find . -type f | LC_ALL=C sort) | while IFS= read -r file; do
        printf '%s  %s\n' "$(sha256 "$1/$file")" "$file"
    done >"$scratch/SHA256SUMS"
    mv "$scratch/SHA256SUMS" "$1"
}

is_bundle() { [[ -d $here/wheels/libraries ]]; }

check_bundle() {
    local made_for
    made_for=$(cat "$here/wheels/libraries/ARCHITECTURE")
    [[ $made_for == "$1" ]] || die "this bundle is for $made_for; this machine needs --bundle --architecture $1"
    (cd "$here" && sha256sum --check --quiet SHA256SUMS) ||
        die "$here is damaged; unpack the archive again, or copy it again"
}

# ---- other machines --------------------------------------------------------------------------------------------------
# ${array[@]+"${array[@]}"}: a Mac's bash (3.2) treats an empty array as unset.

deploy_to_all() {
    local index failed=() folders=() asks=() outcomes=()
    [[ $action != bundle ]] || die "--bundle makes an archive here; name no host" 2
    prepare_payload "$scratch/payload"
    for index in "${!hosts[@]}"; do connect "$index"; done
    if ((${#hosts[@]} == 1)); then at_once 0; else side_by_side; fi
    for index in "${!hosts[@]}"; do
        ((outcomes[index] == 0)) || failed+=("${hosts[index]}")
        disconnect "${hosts[index]}"
    done
    say "== $((${#hosts[@]} - ${#failed[@]})) of ${#hosts[@]} done${failed[*]:+; failed: ${failed[*]}}"
    ((${#failed[@]} == 0))
}

# Built here, so that a Pi needs neither the tools nor the time. To remove or go back the script alone is enough.
prepare_payload() {
    mkdir "$1"
    if [[ $action == install ]]; then
        say "== building $(release)"
        make_release "$1"
    else
        cp "$here/deploy.sh" "$1"
        release >"$1/RELEASE"
    fi
    [[ -z $source ]] || (umask 077 && printf '%s\n' "$source" >"$1/source")
}

# One connection for each host; what is asked here (a password, an unknown host's key) is asked once, before the work.
ssh_() {
    ssh -o ControlMaster=auto -o ControlPath="$scratch/%C" -o ControlPersist=600 -o ConnectTimeout=20 \
        -o ServerAliveInterval=15 "$@"
}

# connect INDEX: sets folders[INDEX], a folder there that only the user can read, and asks[INDEX], whether sudo asks for
# a password there. Without an answer the folder stays empty.
connect() {
    local answer
    # shellcheck disable=SC2016 # expanded there
    answer=$(ssh_ -- "${hosts[$1]}" 'mktemp -d && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || echo asks; }') ||
        answer=''
    folders[$1]=$(head -n 1 <<<"$answer")
    asks[$1]=$(sed -n 2p <<<"$answer")
    outcomes[$1]=1
}

disconnect() { ssh_ -O exit -- "$1" 2>/dev/null || true; }

# All hosts where no password is needed at the same time; then the others, one after another, at the terminal.
side_by_side() {
    local index pids=()
    for index in "${!hosts[@]}"; do
        if [[ -z ${asks[index]} ]]; then
            { deploy_to "$index" </dev/null 2>&1 || false; } | prefixed "${hosts[index]}" &
            pids[index]=$!
        fi
    done
    for index in "${!hosts[@]}"; do
        if [[ -z ${asks[index]} ]]; then
            outcomes[index]=0
            wait "${pids[index]}" || outcomes[index]=1
        fi
    done
    for index in "${!hosts[@]}"; do
        [[ -z ${asks[index]} ]] || at_once "$index"
    done
}

at_once() {
    say "== ${hosts[$1]}"
    outcomes[$1]=0
    deploy_to "$1" || outcomes[$1]=1
}

prefixed() { awk -v host="$1" '{ print host " | " $0; fflush() }'; }

# deploy_to INDEX. Called in a condition, where `set -e` is off: each step handles its own failure.
deploy_to() {
    local host=${hosts[$1]} folder=${folders[$1]} terminal=() words='' outcome
    [[ -n $folder ]] || return 1 # ssh has said why
    [[ ! -t 0 ]] || terminal=(-t) # so that sudo can ask for a password
    [[ ${#options[@]} == 0 ]] || words=$(printf ' %q' "${options[@]}")
    [[ -z $source ]] || words+=" --source - <$folder/source"
    # shellcheck disable=SC2029  # expanded here, on purpose: the folder is the other machine's
    {
        COPYFILE_DISABLE=1 tar -C "$scratch/payload" -cz . | ssh_ -- "$host" "tar -xz --no-same-owner -C $folder" &&
            ssh_ ${terminal[@]+"${terminal[@]}"} -- "$host" "bash $folder/deploy.sh$words"
    }
    outcome=$?
    # shellcheck disable=SC2029
    ssh_ -- "$host" "rm -rf -- $folder" || return 1
    return "$outcome"
}

# ---- this machine ----------------------------------------------------------------------------------------------------

as_root() {
    local words=("${BASH_SOURCE[0]}" ${options[@]+"${options[@]}"})
    if ((EUID == 0)) || $dry_run; then return; fi
    rm -rf -- "$scratch"
    if [[ -n $source ]]; then
        exec sudo bash "${words[@]}" --source - <<<"$source"
    else
        exec sudo bash "${words[@]}"
    fi
}

install_all() {
    check_machine
    choose_mode
    check_memory
    check_disk
    apt_packages
    account
    virtual_environment
    models_and_labels
    settings
    note_settings
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
    is_checkout || [[ -f $here/RELEASE ]] ||
        die "$here has neither pyproject.toml nor RELEASE; run deploy.sh inside a checkout or an unpacked bundle"
    if is_bundle; then check_bundle "$architecture"; fi
}

check_memory() {
    local total free
    [[ -r /proc/meminfo ]] || return 0
    total=$(memory_mb MemTotal) free=$(($(memory_mb MemAvailable) + $(memory_mb SwapFree)))
    ((total >= LEAST_RAM_MB)) || die "this machine has $total MB of RAM; expected $LEAST_RAM_MB MB or more"
    ((free >= FREE_RAM_MB)) || [[ -e $VENV ]] ||
        say "warning: $free MB of memory are free; the detector needs 160 MB, and 300 MB with a window on a desktop"
}

memory_mb() { awk -v name="$1:" '$1 == name { print int($2 / 1024) }' /proc/meminfo; }

check_disk() {
    local needed=$FIRST_MB folder free
    if same_libraries; then needed=$PROGRAM_MB; elif [[ -e $VENV ]]; then needed=$LIBRARIES_MB; fi
    if is_up_to_date; then needed=1; fi
    for folder in /opt "$TMPDIR"; do
        free=$(free_mb "$folder")
        ((free >= needed)) || die "$folder has $free MB free; expected $needed MB or more: delete something there"
    done
}

free_mb() { df --output=avail --block-size=1M -- "$1" | awk 'NR == 2 { print $1 }'; }

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
    local wanted=("${NEEDED[@]}" "${GRAPHICS[@]}") missing=() name
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

# Without a network what is missing for the graphics only costs the window on the bare console.
apt_install() {
    local name
    if apt_get "$@"; then
        mkdir -p "$PREFIX"
        printf '%s\n' "$@" >>"$APT_LOG"
        return
    fi
    for name in "${NEEDED[@]}"; do
        is_installed "$name" || die "apt could not install $name, which is needed; its message is above. No network?"
    done
    say "warning: apt could not install $*; without them there is no window without a desktop, and no picamera2"
}

apt_get() {
    local lock=(-o DPkg::Lock::Timeout=300) # a Pi that has just booted updates its own lists
    say "    apt-get update"
    apt-get "${lock[@]}" update --quiet=2 &&
        DEBIAN_FRONTEND=noninteractive progress 'Need to get|Setting up' \
            apt-get "${lock[@]}" install --yes --quiet --no-install-recommends "$@"
}

account() {
    local group
    [[ $mode == service ]] || return 0
    getent passwd "$ACCOUNT" >/dev/null ||
        change "add the user $ACCOUNT" useradd --system --user-group --home-dir "$STATE" --no-create-home \
            --shell /usr/sbin/nologin "$ACCOUNT"
    for group in video render gpio; do
        if getent group "$group" >/dev/null && ! id -nG "$ACCOUNT" 2>/dev/null | grep -qw "$group"; then
            change "add $ACCOUNT to the group $group" usermod --append --groups "$group" "$ACCOUNT"
        fi
    done
}

# The environment is made from these sources, these libraries and this numpy; a stamp in it says from which ones. A new
# one is made beside the one in use and tested, and only then the link changes. Until then nothing that runs is touched.
virtual_environment() {
    local stamp folder
    stamp=$(stamp_of_environment)
    folder=$VENVS/$(release | cut -d' ' -f1)-${stamp:0:12}
    if ! is_up_to_date; then
        [[ $(cat "$folder/stamp" 2>/dev/null) == "$stamp" ]] ||
            change "build the program's environment $folder" build_environment "$folder" "$stamp"
        change "test $folder" test_environment "$folder"
        change "use it as $VENV" switch_to "$folder"
    fi
    [[ $(readlink "$COMMAND") == "$VENV/bin/edge-detector" ]] ||
        change "link $COMMAND" ln -sfn "$VENV/bin/edge-detector" "$COMMAND"
}

is_up_to_date() { [[ -L $VENV && $(cat "$VENV/stamp" 2>/dev/null) == "$(stamp_of_environment)" ]]; }

stamp_of_environment() {
    {
        stamp_of_libraries
        hash_of_sources
    } | sha256
}

stamp_of_libraries() {
    {
        system_numpy
        cat "$(lock_file)" "$here/requirements/source.txt"
    } | sha256
}

system_numpy() { /usr/bin/python3 -c 'import numpy; print(numpy.__version__)' 2>/dev/null || true; }

# The libraries, their versions and the SHA-256 of each file, for the system's Python. numpy is not among them:
# apt's picamera2 and simplejpeg were compiled for apt's numpy and cannot be imported with another one.
lock_file() {
    local name
    name=$(/usr/bin/python3 -c 'import sys; print("cp%d%d" % sys.version_info[:2])' 2>/dev/null) || name=cp311 # a dry run
    printf '%s\n' "$here/requirements/$name.txt"
}

same_libraries() { [[ $(cat "$VENV/libraries" 2>/dev/null) == "$(stamp_of_libraries)" ]]; }

# build_environment FOLDER STAMP
build_environment() {
    local wheels=$here/wheels
    unfinished=$1
    rm -rf -- "$1"
    if is_checkout; then
        wheels=$scratch/wheels
        build_program "$wheels"
    fi
    if same_libraries; then
        link_libraries "$1"
    else
        ! is_checkout || build_libraries "$wheels"
        install_libraries "$1" "$wheels"
    fi
    pip_install "$1" --force-reinstall "$wheels"/edge_detector-*.whl
    release >"$1/version"
    stamp_of_libraries >"$1/libraries"
    printf '%s\n' "$2" >"$1/stamp"
    unfinished=''
}

# Hard links to the files of the environment in use: no network, no time, no space. pip replaces files, and never writes
# into them, so the other environment keeps its own.
link_libraries() {
    /usr/bin/python3 -m venv --without-pip --system-site-packages "$1"
    cp --archive --link -- "$VENV"/lib/python3*/site-packages/. "$(echo "$1"/lib/python3*/site-packages)"
}

# install_libraries FOLDER WHEELS
install_libraries() {
    local from=()
    if is_bundle; then from=(--no-index --find-links "$here/wheels/libraries"); fi
    /usr/bin/python3 -m venv --system-site-packages "$1"
    pip_install "$1" ${from[@]+"${from[@]}"} --only-binary=:all: --require-hashes --requirement "$(lock_file)"
    pip_install "$1" "$2"/imutils-*.whl
}

# pip_install FOLDER WORDS OF PIP...
pip_install() {
    progress 'Downloading|Installing' "$1/bin/python" -m pip --disable-pip-version-check install --no-cache-dir \
        --no-deps --progress-bar off "${@:2}"
}

# test_environment FOLDER: every library has what it needs, and the model finds its way through them.
test_environment() {
    unfinished=$1
    check_versions "$1" || die "the new environment is not used: its libraries do not fit together; $VENV is unchanged"
    printf 'model = "%s"\n' "$here/models/$TEST_MODEL" >"$scratch/test.toml"
    "$1/bin/edge-detector" doctor --installation --config "$scratch/test.toml" >"$scratch/doctor" 2>&1 || {
        cat "$scratch/doctor" >&2
        die "the new environment is not used: it failed its test; $VENV is unchanged"
    }
    unfinished=''
}

# Of what `pip check` says, only what concerns the libraries of the lock file: apt's own packages are not ours to judge.
check_versions() {
    local names said
    names=$(sed -n 's/^\([a-z0-9-]*\)==.*/\1/p' "$(lock_file)" | paste -sd '|')
    said=$("$1/bin/python" -m pip --disable-pip-version-check check 2>&1) || true
    ! grep -E "^(edge-detector|imutils|$names) " >&2 <<<"$said"
}

# switch_to FOLDER: the link changes in one step, and the environment that it meant is kept, alone, for --rollback.
switch_to() {
    local before folder
    keep_environment_without_link
    before=$(readlink -f "$VENV" || true)
    if [[ -d $before && $before != "$1" ]]; then
        keep_settings "$before"
        point "$PREVIOUS" "$before"
    fi
    rm -f -- "$1/settings.sum"
    point "$VENV" "$1"
    for folder in "$VENVS"/*; do
        [[ $folder == "$1" || $folder == "$(readlink "$PREVIOUS")" ]] || rm -rf -- "$folder"
    done
}

# Earlier versions of this script made a folder where the link is now. It works at its new place, through the link.
keep_environment_without_link() {
    if [[ -d $VENV && ! -L $VENV ]]; then mv -- "$VENV" "$VENVS/before"; fi
    if [[ ! -e $VENV && -d $VENVS/before ]]; then point "$VENV" "$VENVS/before"; fi
}

point() {
    ln -sfn -- "$2" "$1.new"
    mv -T -- "$1.new" "$1"
}

rollback_all() {
    local version older newer
    "$PREVIOUS/bin/edge-detector" --version >/dev/null 2>&1 ||
        die "there is no earlier version to go back to: $PREVIOUS is missing or does not work"
    choose_mode
    older=$(readlink -f "$PREVIOUS") newer=$(readlink -f "$VENV")
    version=$(cat "$older/version" 2>/dev/null) || version='the version before'
    change "go back to $version" switch_to "$older"
    if [[ -d $older/settings ]] && needs_its_settings "$older" "$newer"; then
        change "take back the settings of then, and keep the newer ones as $CONFIG.newer" take_back_settings "$older"
    fi
    protect_config
    start
}

# keep_settings ENVIRONMENT: the settings as this version understands them; a newer one may write them in another way.
keep_settings() {
    [[ -e $CONFIG && -e $DEFAULTS ]] || return 0
    install -d -m 750 "$1/settings"
    cp --archive --dereference -- "$CONFIG" "$DEFAULTS" "$1/settings"
}

# What the settings were when this version was installed, to see at a rollback whether somebody has edited them since.
note_settings() {
    $dry_run || [[ -e $VENV/settings.sum ]] || sha256 "$CONFIG" >"$VENV/settings.sum"
}

# needs_its_settings OLDER NEWER: the installation of the newer version changed them, and nobody since; or the older
# version refuses them.
needs_its_settings() {
    ! cmp --silent -- "$CONFIG" "$1/settings/${CONFIG##*/}" &&
        { [[ $(sha256 "$CONFIG") == "$(cat "$2/settings.sum" 2>/dev/null)" ]] || ! understands_settings "$1"; }
}

understands_settings() { "$1/bin/edge-detector" --config "$CONFIG" --print-config >/dev/null 2>&1; }

# take_back_settings ENVIRONMENT
take_back_settings() {
    mv -- "$CONFIG" "$CONFIG.newer"
    cp --archive -- "$1"/settings/*.toml "$SETTINGS"
    sha256 "$CONFIG" >"$1/settings.sum"
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
        cmp --silent -- "$scratch/default.toml" "$CONFIG" || change "write $CONFIG" write_config "$scratch/default.toml"
    fi
    install_file "$scratch/default.toml" "$DEFAULTS"
    move_sink_options
    if [[ -n $source ]]; then choose source "$source"; fi
    if [[ -n $model ]]; then choose_model; fi
    protect_config
    [[ -s $TOKEN ]] || change "make a token for the web page in $TOKEN" make_token
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

choose_model() {
    (cd / && "$VENV/bin/edge-detector" inspect "$model" >/dev/null) || die "--model: $CONFIG is unchanged"
    choose model "$model"
}

# choose OPTION TEXT: write the text as this option into the configuration. It is passed on in files and in the
# environment, and not printed, because it may hold a password.
choose() {
    toml_line "$1" "$2" >"$scratch/line"
    if [[ ! -e $CONFIG ]] || grep -qxF -f "$scratch/line" -- "$CONFIG"; then return; fi
    with_line "$1" >"$scratch/config.toml"
    "$VENV/bin/edge-detector" --config "$scratch/config.toml" --print-config >/dev/null ||
        die "--$1: $CONFIG is unchanged"
    change "set $1 in $CONFIG" write_config "$scratch/config.toml"
}

# A string of TOML is written like one of JSON.
toml_line() {
    printf '%s' "$2" | /usr/bin/python3 -c 'import json, sys
print(sys.argv[1], "=", json.dumps(sys.stdin.read(), ensure_ascii=False))' "$1"
}

# with_line OPTION: the configuration with the new line in place of the old one, or of the comment that stands for it.
with_line() { replace_line "^$1 *=" || replace_line "^# $1 =" || cat "$scratch/line" "$CONFIG"; }

replace_line() {
    local found
    found=$(grep -n -m 1 -- "$1" "$CONFIG" | cut -d: -f1) || return 1
    head -n "$((found - 1))" "$CONFIG"
    cat "$scratch/line"
    tail -n "+$((found + 1))" "$CONFIG"
}

# write_config FILE: in one step, keeping owner and mode of the one that is there.
write_config() {
    local file
    file=$(realpath --canonicalize-missing -- "$CONFIG")
    if [[ -e $file ]]; then
        cp --archive -- "$file" "$file.new"
    else
        install -D --mode=640 --group="$(readers_of_config)" /dev/null "$file.new"
    fi
    cat -- "$1" >"$file.new"
    mv -- "$file.new" "$file"
}

readers_of_config() { if [[ $mode == service ]]; then printf '%s\n' "$ACCOUNT"; else printf '%s\n' "$READERS"; fi; }

# Only root and the detector may read the configuration. A mode that is stricter still is the administrator's and stays.
protect_config() {
    local group readers
    readers=$(readers_of_config)
    [[ -e $CONFIG ]] || return 0
    group=$(stat -L --format=%G "$CONFIG")
    case $group in
        "$readers") ;;
        root | "$ACCOUNT" | "$READERS") change "let the group $readers read $CONFIG" chgrp -- "$readers" "$CONFIG" ;;
    esac
    if (($(stat -L --format=0%a "$CONFIG") & 007)); then change "let nobody else read $CONFIG" chmod 640 -- "$CONFIG"; fi
}

make_token() {
    install --mode=640 --group="$READERS" /dev/null "$TOKEN.new"
    /usr/bin/python3 -c 'import secrets; print(secrets.token_urlsafe(24))' >"$TOKEN.new"
    mv -- "$TOKEN.new" "$TOKEN"
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
    remove_unit "$SYSTEM_UNITS"
    if booted; then $dry_run || systemctl daemon-reload; fi
}

# remove_unit FOLDER: the unit and our own settings for it; the administrator's (systemctl edit) stay unless --purge.
remove_unit() {
    local name
    remove "$1/$UNIT"
    for name in "${OWN_DROP_INS[@]}"; do remove "$1/$UNIT.d/$name"; done
    if [[ ! -d $1/$UNIT.d ]]; then return; fi
    if $purge || [[ -z $(find "$1/$UNIT.d" -mindepth 1 -print -quit) ]]; then
        remove "$1/$UNIT.d"
    else
        say "kept: the administrator's settings in $1/$UNIT.d"
    fi
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
    remove_unit "$USER_UNITS"
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
    local log='journalctl --unit=edge-detector' control='sudo systemctl' name
    if [[ $mode == session ]]; then log='journalctl --user-unit=edge-detector' control='systemctl --user'; fi
    for name in $(names_of_this_machine); do say "page      http://$name:$PAGE_PORT/?token=$(cat "$TOKEN")"; done
    if [[ $mode == session ]]; then
        say "window    on the desktop of whoever is logged in, and in VNC"
    else
        say "window    on a monitor at this machine, unless it runs a desktop (then: deploy.sh --session)"
    fi
    say "log       $log --follow"
    say "settings  $CONFIG, then: $control reload edge-detector"
    say "health    sudo edge-detector doctor"
}

# NAME.local, which other machines know only if avahi runs here, and an address. A session's page is for this machine.
names_of_this_machine() {
    local address
    if [[ $mode == session ]]; then
        echo localhost
        return
    fi
    if systemctl --quiet is-active avahi-daemon 2>/dev/null; then printf '%s.local\n' "$(hostname)"; fi
    address=$(hostname -I 2>/dev/null | cut -d' ' -f1)
    printf '%s\n' "${address:-localhost}"
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
        $dry_run || chgrp -- root "$CONFIG"* # its group is removed, and another may get the number
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

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi # tests/test_deploy.py sources it
