# Sourced by the scripts of this folder, before all else; they go on in the root of the project.

script=$(realpath "$0")
[ -z "${ONEPOINT_BIN:-}" ] || ONEPOINT_BIN=$(realpath "$ONEPOINT_BIN")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/server.sh

# Says what stands at the beginning of the script.
usage() {
    sed -n '2,${/^#/!q;s/^# \{0,1\}//p}' "$script"
    exit 2
}

# The program that ONEPOINT_BIN names; without it the release build, which is made if need be.
find_program() {
    if [ -z "${ONEPOINT_BIN:-}" ]; then
        cargo build --quiet --release --package server --bin onepoint
        ONEPOINT_BIN=$(realpath "${CARGO_TARGET_DIR:-target}/release/onepoint")
    fi
    onepoint=$ONEPOINT_BIN
}

# A figure of what a load, by its name, wrote into the folder.
figure() { sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" "$folder/$1.json"; }
