#!/usr/bin/env bash
# A local test network: a relay chain with two validators, the parachain with two collators, and two providers' nodes.
#
# Usage: scripts/testnet.sh up [--fresh] | status [--json] | logs NAME [-f] [--lines N] | restart NAME |
#        test [JOURNEY...] | down | --help
#
#   up        starts what does not run, waits until one more block of the parachain is final, and prints a table of the nodes.
#             What was there goes on. With --fresh, all of it is thrown away, and the chains begin anew
#   status    prints the table: nodes, roles, RPC addresses, processes, newest and final blocks, log files. Exit code 1
#             where a node does not run
#   logs      prints the end of a node's log, 40 lines unless --lines says another number. -f goes on printing
#   restart   ends one node in order and starts it again on its data
#   test      runs journeys of tests/journeys and tests/testnet/journeys on the network, with accounts of their own: all, or
#             those of some names. Of the latter, full-disk wants to be run by root, and upgraded-runtime wants
#             scripts/runtime.sh next and a network that is new
#   down      ends all nodes in order. Their data stay
#
# The names are relay-alice, relay-bob, collator-alice, collator-bob, provider-1 and provider-2. Epochs of the relay chain have a
# minute; the parachain is in its genesis. The first time it builds the nodes: an hour, and 43 minutes for the relay chain's
# (scripts/relay.sh). It needs 4 GB of memory and two cores. What changes the network waits for nobody: it ends with an error while
# another of them is at work.
#
# POLKADOT            a relay chain's node to take instead of building one, with its two workers in the same folder
# ASSAY_TESTNET       the folder of all state (default ~/.cache/assay/testnet)
# ASSAY_TESTNET_PORT  the first port (default 9900): the nodes' RPCs are at 9904, 9914, ... 9954, their metrics one above.
#                     The network keeps the one with which it was made
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly FOLDER="${ASSAY_TESTNET:-$ASSAY_CACHE/testnet}"
# What tells that somebody else has the lock.
readonly BUSY=75

main() {
    case " $* " in *' --help '* | *' -h '*) usage_of "${BASH_SOURCE[0]}" && exit ;; esac
    case "${1:-}" in
        up)
            case "${*:2}" in
                '' | --fresh) prepare ;;
                *) die "unknown option of up: ${*:2}" "see scripts/testnet.sh --help" ;;
            esac
            alone "$@"
            ;;
        restart | test | down) alone "$@" ;;
        status | logs) network "$@" ;;
        '') die "what shall I do?" "see scripts/testnet.sh --help" ;;
        *) die "unknown action $1" "see scripts/testnet.sh --help" ;;
    esac
}

network() { node "$ROOT/tests/testnet/main.mjs" "$@"; }

# alone ARGUMENTS...: the same, unless another one is at work. The nodes do not inherit the lock.
alone() {
    mkdir -p "$FOLDER"
    local code=0
    flock --nonblock --close --conflict-exit-code "$BUSY" "$FOLDER/lock" node "$ROOT/tests/testnet/main.mjs" "$@" || code="$?"
    ((code != BUSY)) || die "another scripts/testnet.sh is at work on $FOLDER" "wait for it, or end it"
    return "$code"
}

prepare() {
    "$ROOT/scripts/setup.sh" --no-python
    "$ROOT/scripts/relay.sh"
    export_wasm_toolchain
    heading "Building the node and the tools (about 57 minutes the first time on two cores)"
    build_binaries
}

main "$@"
