#!/usr/bin/env bash
# The playbooks of fleet/ansible on two booted Debians without a network but to this machine: install, a model, one that
# is broken, one that is refused, a broken release, a new one, and back; each twice. Needs root, ansible-core,
# systemd-container, mmdebstrap, openssh-client, curl and iproute2. See README.md.
#
#   ansible.sh [bookworm|trixie]
set -uo pipefail
# shellcheck source=tests/machines/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

readonly SUITE=${1:-bookworm}
readonly TEMPLATE=$LAB/$SUITE-fleet WORK=$LAB/fleet-work
readonly PACKAGES=python3-numpy,libgbm1,libegl1,libgles2,libgl1-mesa-dri,libwayland-egl1
readonly NAMES=(porch garden) # in the order of the inventory: porch is the one that tries for both
readonly OTHER=ssd_mobilenet_v2_fpnlite_256_coco_int8 SLOWER=ssd_mobilenet_v2_fpnlite_320_coco_float16
network=--network-veth
readonly TOKEN=looks-and-changes-nothing
readonly SECRETS=/etc/edge-detector CONFIG=/etc/edge-detector/edge-detector.toml VENV=/opt/edge-detector/venv
unit=edge-detector
declare -A containers
export ANSIBLE_NOCOLOR=1 ANSIBLE_HOST_KEY_CHECKING=False ANSIBLE_LOCALHOST_WARNING=False

# ---- two machines

# on NAME COMMAND...
on() { container=${containers[$1]} in_ "${@:2}"; }

address() { [[ $1 == porch ]] && echo 198.18.1.2 || echo 198.18.2.2; }

# start NAME: a copy of the template, with a network cable to this machine and a user who may use sudo.
start() {
    root=$LAB/$SUITE-$1 log=$LAB/$1.log container_name=$1
    rm -rf "$root" && cp --archive "$TEMPLATE" "$root"
    echo "$1" >"$root/etc/hostname"
    printf '127.0.0.1 localhost %s\n' "$1" >"$root/etc/hosts"
    chroot "$root" useradd --create-home --shell /bin/bash pi
    echo 'pi ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/pi"
    install -d --mode=700 "$root/home/pi/.ssh"
    cp "$LAB/key.pub" "$root/home/pi/.ssh/authorized_keys"
    chroot "$root" chown -R pi: /home/pi
    : >"$log"
    boot || { tail -20 "$log"; return 1; }
    containers[$1]=$container
    connect "$1"
}

connect() {
    local there
    there=$(address "$1")
    ip address add "${there%.2}.1/24" dev "ve-$1" && ip link set "ve-$1" up || return 1
    nsenter --target "$(leader)" --net ip address add "$there/24" dev host0
    nsenter --target "$(leader)" --net ip link set host0 up
    in_ systemctl start ssh
    until_true 100 ssh -i "$LAB/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
        "pi@$there" true
}

stop_all() {
    local name
    for name in "${!containers[@]}"; do
        on "$name" systemctl poweroff
        wait "${containers[$name]}"
    done
}

write_inventory() {
    local name
    {
        echo "detectors:"
        echo "  hosts:"
        for name in "${NAMES[@]}"; do echo "    $name: { ansible_host: $(address "$name"), source: synthetic }"; done
        echo "  vars:"
        echo "    ansible_user: pi"
        echo "    ansible_ssh_private_key_file: $LAB/key"
        echo "    ansible_ssh_common_args: -o UserKnownHostsFile=/dev/null"
        echo "    bundle: edge-detector-*.tar.gz"
        echo "    sinks: ['web:0.0.0.0:8080?token_file=$SECRETS/web-token&viewer_token_file=$SECRETS/fleet-token']"
        echo "    secrets: { fleet-token: $TOKEN }"
    } >"$WORK/inventory.yml"
}

# ---- playbooks

# play NAME OPTIONS...: in the folder of the bundle, where a person would call it.
play() {
    cd "$WORK/$release" || return 1
    ansible-playbook -i "$WORK/inventory.yml" "$checkout/fleet/ansible/$1.yml" "${@:2}" 2>&1 </dev/null
}

# plays NAME OPTIONS...: it works on both, and says what has changed.
plays() {
    local said
    said=$(play "$@") || { printf '%s\n' "$said" | tail -40; return 1; }
    recap <<<"$said"
    [[ $(recap <<<"$said" | grep -c 'unreachable=0 *failed=0') == "${#NAMES[@]}" ]]
}
recap() { sed -n '/^PLAY RECAP/,$p' | grep -E "^($(IFS='|' && echo "${NAMES[*]}")) "; }

# changes_nothing NAME OPTIONS...
changes_nothing() {
    local said
    said=$(plays "$@")
    printf '%s\n' "$said"
    [[ $(grep -c 'changed=0' <<<"$said") == "${#NAMES[@]}" ]]
}

# fails_on_the_first_with TEXT NAME OPTIONS...: for this reason, and the second is not touched.
fails_on_the_first_with() {
    local said
    ! said=$(play "${@:2}") || { echo "it succeeded"; return 1; }
    grep -E "^(fatal|\[ERROR\])|$1" <<<"$said" | cut -c1-400
    grep -q -- "$1" <<<"$said" && ! recap <<<"$said" | grep '^garden '
}

# ---- what is on the machines

runs() { [[ $(on "$1" systemctl show --value --property=ActiveState "$unit") == active ]]; }
both_run() { runs porch && runs garden; }
pid() { on "$1" systemctl show --value --property=MainPID "$unit"; }
version_on() { on "$1" readlink "$VENV"; }
model_on() { on "$1" sed -n 's/^model = //p' "$CONFIG"; }
runs_model() {
    on "$1" journalctl --unit="$unit" --output=cat --no-pager | grep -E 'model .* stays|: synthetic' | tail -1 | grep -- "$2"
}
settings_of() { on "$1" sha256sum "$CONFIG"; }
leaves_no_copies() { # of the settings: these and the defaults
    local said
    said=$(on "$1" ls /etc/edge-detector)
    echo "in /etc/edge-detector: ${said//$'\n'/, }"
    [[ $(grep -c toml <<<"$said") == 2 ]]
}

# The page of each shows its numbers to Prometheus, with the token of all.
both_are_watched() {
    local name
    for name in "${NAMES[@]}"; do
        on "$name" stat --format='%a %U:%G' /etc/edge-detector/fleet-token | grep -x '640 root:edge-detector' || return 1
        curl --silent --fail --header "Authorization: Bearer $TOKEN" "http://$(address "$name"):8080/metrics" |
            grep '^edge_detector_build_info' || return 1
    done
}

both_use() {
    local name
    for name in "${NAMES[@]}"; do runs "$name" && runs_model "$name" "$1" && model_on "$name" | grep "$1" || return 1; done
}

a_broken_model_changes_nothing() {
    local before process
    before=$(settings_of porch) process=$(pid porch)
    fails_on_the_first_with "self-test" model -e "model_file=$WORK/models/broken.tflite" || return 1
    [[ $(settings_of porch) == "$before" && $(pid porch) == "$process" ]] && both_run && leaves_no_copies porch
}

a_refused_model_leaves_the_settings() {
    local before process
    before=$(settings_of porch) process=$(pid porch)
    fails_on_the_first_with "is refused: " model -e "model_file=$checkout/models/$SLOWER.tflite" || return 1
    [[ $(settings_of porch) == "$before" && $(pid porch) == "$process" ]] && both_run && leaves_no_copies porch
}

a_missing_manifest_is_said() {
    fails_on_the_first_with "alone.toml is missing" model -e "model_file=$WORK/models/alone.tflite"
}

a_broken_release_is_not_used() {
    local before process
    before=$(version_on porch) process=$(pid porch)
    release=broken
    fails_on_the_first_with "no_such_module" install || return 1
    [[ $(version_on porch) == "$before" && $(pid porch) == "$process" ]] && both_run
}

a_new_release_is_used() {
    local name
    for name in "${NAMES[@]}"; do first[$name]=$(version_on "$name"); done
    release=second
    plays install && both_run || return 1
    for name in "${NAMES[@]}"; do [[ $(version_on "$name") != "${first[$name]}" ]] || return 1; done
}

goes_back() {
    local name
    plays rollback && both_run || return 1
    for name in "${NAMES[@]}"; do [[ $(version_on "$name") == "${first[$name]}" ]] || return 1; done
}

# The camera does not exist: deploy.sh, doctor and the log say so, and none of them the password.
hides_a_password() {
    local said
    sed -i 's|source: synthetic|source: rtsp://ada:s3cret@127.0.0.1/1|' "$WORK/inventory.yml"
    ! said=$(play install -vvv) || { echo "it succeeded"; return 1; }
    on porch grep -q s3cret "$CONFIG" || { echo "not in the settings"; return 1; }
    grep -o 'did not become ready[^"]*' <<<"$said" | head -1 && ! grep -e s3cret -e "$TOKEN" <<<"$said"
}

asks_for_one_bundle() {
    touch "$WORK/$release/edge-detector-0-other.tar.gz"
    fails_on_the_first_with "2 files are named" install
    local outcome=$?
    rm "$WORK/$release/edge-detector-0-other.tar.gz"
    return $outcome
}

# ---- three releases: the checkout, the same with a line more, and one that cannot be imported

make_bundle() {
    local sources
    sources=$(hash_of_sources)
    [[ $(cat "$WORK/$1/sources" 2>/dev/null) != "$sources" ]] || return 0
    rm -rf "${WORK:?}/$1" && mkdir -p "$WORK/$1/checkout"
    (cd "$checkout" && git ls-files -z | xargs -0 cp --parents --target-directory="$WORK/$1/checkout") || return 1
    printf '%s' "$2" >>"$WORK/$1/checkout/edge_detector/detect/detector.py"
    (cd "$WORK/$1" && checkout/deploy.sh --bundle --architecture "$(dpkg --print-architecture)") || return 1
    echo "$sources" >"$WORK/$1/sources"
}

hash_of_sources() { (cd "$checkout" && git ls-files -z edge_detector requirements systemd deploy.sh | xargs -0 cat | sha256sum); }

make_models() {
    mkdir -p "$WORK/models"
    head --bytes=1000000 "$checkout/models/$OTHER.tflite" >"$WORK/models/broken.tflite"
    sed 's|^labels = .*|labels = "coco.txt"|' "$checkout/models/$OTHER.toml" >"$WORK/models/broken.toml"
    cp "$checkout/labels/coco.txt" "$WORK/models"
    cp "$checkout/models/$OTHER.tflite" "$WORK/models/alone.tflite"
}

main() {
    local name
    mkdir -p "$WORK"
    make_key
    make_root "$TEMPLATE" "$SUITE" "$(dpkg --print-architecture)" "$PACKAGES"
    make_bundle first '' || exit 1
    make_bundle second $'\n# another version\n' || exit 1
    make_bundle broken $'\nimport no_such_module\n' || exit 1
    make_models
    write_inventory
    trap stop_all EXIT
    for name in "${NAMES[@]}"; do start "$name" || exit 1; done

    release=first
    check "$(ansible-playbook --version | sed -n 1p): install" plays install
    check "both run" both_run
    check "Prometheus may ask both for their numbers" both_are_watched
    check "a second run changes nothing" changes_nothing install
    check "two bundles in the folder: it asks for one" asks_for_one_bundle
    check "another model for both" plays model -e "model_file=$checkout/models/$OTHER.tflite"
    check "both use it" both_use "$OTHER"
    check "a second run changes nothing" changes_nothing model -e "model_file=$checkout/models/$OTHER.tflite"
    check "install does not undo the choice, and changes nothing" changes_nothing install
    check "a model without its manifest is named" a_missing_manifest_is_said
    check "a broken model stops at the first one, which goes on with its own" a_broken_model_changes_nothing
    check "so does a model that is refused" a_refused_model_leaves_the_settings
    check "a broken release stops at the first one, which goes on" a_broken_release_is_not_used
    check "a new release" a_new_release_is_used
    check "back to the one before" goes_back
    check "a second run does not go forward again" changes_nothing rollback
    release=second
    check "forward again" plays install
    check "both run the model that was rolled out" both_use "$OTHER"
    check "a password in a source is hidden, and the reason of a failure is not" hides_a_password
    write_inventory
    check "a source that works again" plays install
    finish
}
declare -A first
main
