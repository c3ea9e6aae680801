#!/usr/bin/env bash
# Shows Assay at work: a node, a real model, a provider, a request, and the final, paid answer.
#
# Usage: scripts/demo.sh [--once] [--keep-data] [--help]
#
#   --once       end after the answer; the exit code is 0 only if the answer is right, final and paid
#   --keep-data  keep the chain's data at the end, and say where
#
# It sets up and builds what is missing: about 45 minutes the first time on two cores, a minute later. The node
# goes on running until Ctrl-C, for polkadot.js Apps to look at.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
    local option
    for option in "$@"; do
        case "$option" in
            --once | --keep-data) ;;
            --help | -h) usage_of "${BASH_SOURCE[0]}" && exit ;;
            *) die "unknown option $option" "see scripts/demo.sh --help" ;;
        esac
    done
    "$ROOT/scripts/setup.sh" --no-python
    export_wasm_toolchain
    heading "Building the node and the tools (about 40 minutes the first time on two cores)"
    build_binaries
    become_demo "$@"
}

main "$@"
