#!/usr/bin/env bash
# A local test network: a relay chain with two validators, the parachain with two collators, and two providers' nodes.
#
# Usage: scripts/testnet.sh up [--fresh] | status [--json] | logs NAME [-f] [--lines N] | restart NAME |
#        test [JOURNEY...] | down | --help
#
#   up        starts what does not run, waits for the first block of the parachain that is final, and prints a table of the nodes.
#             What was there goes on. With --fresh, all of it is thrown away, and the chains begin anew
#   status    prints the table: nodes, roles, RPC addresses, processes, newest and final blocks, log files. Exit code 1
#             where a node does not run
#   logs      prints the end of a node's log, 40 lines unless --lines says another number. -f goes on printing
#   restart   ends one node in order and starts it again on its data
#   test      runs journeys of tests/journeys on the network, with accounts of their own: all, or those of some names
#   down      ends all nodes in order. Their data stay
#
# The names are relay-alice, relay-bob, collator-alice, collator-bob, provider-1 and provider-2. Epochs of the relay chain have a
# minute; the parachain is in its genesis. The first time it builds the nodes: an hour, and 43 minutes for the relay chain's
# (scripts/relay.sh). It needs 4 GB of memory and two cores.
#
# POLKADOT            a relay chain's node to take instead of building one, with its two workers in the same folder
# ASSAY_TESTNET       the folder of all state (default ~/.cache/assay/testnet)
# ASSAY_TESTNET_PORT  the first port (default 9900): the nodes' RPCs are at 9904, 9914, ... 9954, their metrics one above
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
    case "${1:-}" in
        up) prepare ;;
        status | logs | restart | test | down) ;;
        --help | -h) usage_of "${BASH_SOURCE[0]}" && exit ;;
        '') die "what shall I do?" "see scripts/testnet.sh --help" ;;
        *) die "unknown action $1" "see scripts/testnet.sh --help" ;;
    esac
    exec node "$ROOT/tests/testnet/main.mjs" "$@"
}

prepare() {
    "$ROOT/scripts/setup.sh" --no-python
    "$ROOT/scripts/relay.sh"
    export_wasm_toolchain
    heading "Building the node and the tools (about 57 minutes the first time on two cores)"
    build_binaries
}

main "$@"
