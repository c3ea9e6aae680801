#!/usr/bin/env bash
# Builds the relay chain's node for the test network, from crates.io.
#
# Usage: scripts/relay.sh [--help]
#
# `polkadot` and its two workers come into ~/.cache/assay/relay/bin, once: 43 minutes on two cores. With epochs of a minute
# (`fast-runtime`), since sessions of an hour are none of a test network's business. The version is the one whose parts the
# parachain's node has.
#
# Where POLKADOT names a `polkadot`, it is taken instead, with `polkadot-prepare-worker` and `polkadot-execute-worker` in the
# same folder.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly VERSION=41.0.0
readonly FOLDER="$ASSAY_CACHE/relay"

main() {
    case "${1:-}" in
        '') ;;
        --help | -h) usage_of "${BASH_SOURCE[0]}" && exit ;;
        *) die "unknown option $1" "see scripts/relay.sh --help" ;;
    esac
    local polkadot="${POLKADOT:-$FOLDER/bin/polkadot}" program
    if [[ -z "${POLKADOT:-}" && ! -x "$polkadot" ]]; then
        build
    fi
    for program in "$polkadot" "$(dirname "$polkadot")"/polkadot-{prepare,execute}-worker; do
        [[ -x "$program" ]] || die "$program is missing" "the relay chain's node needs all three programs in one folder"
    done
}

build() {
    heading "Building the relay chain's node (about 43 minutes on two cores, once)"
    export_wasm_toolchain
    # A target folder of its own, which goes at the end: features of the same crates are not those of the parachain's node.
    env -u WASM_BUILD_WORKSPACE_HINT CARGO_TARGET_DIR="$FOLDER/target" \
        cargo install polkadot --version "$VERSION" --locked --features fast-runtime --root "$FOLDER"
    rm -rf "$FOLDER/target"
}

main "$@"
