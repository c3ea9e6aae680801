#!/usr/bin/env bash
# Builds the runtime once more, as its next version: what the test network is upgraded to by a journey.
#
# Usage: scripts/next-runtime.sh [--help]
#
# It comes into ~/.cache/assay/next-runtime, with a target folder of its own: the WASM builder would take the one runtime for the
# other. Some ten minutes on two cores the first time.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
    case "${1:-}" in
        '') ;;
        --help | -h) usage_of "${BASH_SOURCE[0]}" && exit ;;
        *) die "unknown option $1" "see scripts/next-runtime.sh --help" ;;
    esac
    export_wasm_toolchain
    local folder="$ASSAY_CACHE/next-runtime"
    heading "Building the next version of the runtime"
    (
        export CARGO_TARGET_DIR="$folder/target" WASM_TARGET_DIRECTORY="$folder"
        cargo_node build --release --locked -p assay-runtime --features increment-spec-version
    )
    say "$folder/assay_runtime.wasm"
}

main "$@"
