#!/usr/bin/env bash
# Shows Assay at work, with a node and a real model.
#
# Usage: scripts/demo.sh [answer | fraud] [--once] [--keep-data] [--help]
#
#   answer       a provider, a request, and the final, paid answer; if nothing else is chosen
#   fraud        a provider that lies, the node that notices, and the step that the chain runs to know; then an accuser
#                that lies
#   --once       end after the story; the exit code is 0 only if all came out as it should: the answer right, final and
#                paid, and whoever lied lost
#   --keep-data  keep the chain's data at the end, and say where
#
# It sets up and builds what is missing: about an hour the first time on two cores, a minute later. The node
# goes on running until Ctrl-C, for polkadot.js Apps to look at.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
    local option
    for option in "$@"; do
        case "$option" in
            answer | fraud | --once | --keep-data) ;;
            --help | -h) usage_of "${BASH_SOURCE[0]}" && exit ;;
            *) die "unknown option $option" "see scripts/demo.sh --help" ;;
        esac
    done
    "$ROOT/scripts/setup.sh" --no-python
    export_wasm_toolchain
    heading "Building the node and the tools (about 57 minutes the first time on two cores)"
    build_binaries
    become_demo "$@"
}

main "$@"
