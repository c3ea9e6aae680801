#!/usr/bin/env bash
# Measures what docs/measurements.md, docs/limits.md and docs/disputes.md say, and prints the rows of their tables.
#
# Usage: scripts/measure.sh speed | nested | fuel [NAME] | executors | disputes | served PACKAGE
#
#   speed        what the trace costs, natively
#   nested       how fast the worker computes: networks inside of a runtime
#   fuel [NAME]  what a unit of fuel takes inside of a runtime, some minutes for all of it; with NAME, the rows that
#                have it in their names
#   disputes     what a dispute takes of the chain: transactions, bytes, weight
#   served PACKAGE  a model's way through a node with a compute server, up to a proof of one false step
#   executors    the interpreter and the JIT on the engine's own test programs
#
# Leave the machine alone meanwhile. It sets up and builds what is missing.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Of one image, and of one run of the convolutional network.
readonly INPUT_BYTES=256
readonly MACS=532992

# node_example NAME: builds an example of the node's workspace, with what its tests have built.
node_example() { cargo_node build --release --locked "${WITHOUT_ENGINE[@]}" --example "$1"; }

measure_speed() { cargo_cli run --release --locked --example speed; }

measure_nested() {
    local assay="$CARGO_TARGET_DIR/cli/release/assay" network="$CARGO_TARGET_DIR/release/examples/network" folder model
    node_example network
    cargo_cli build --release --locked
    folder="$(mktemp -d)"
    for model in cnn cnn-int8; do
        "$assay" pack "$ROOT/models/digits/$model.onnx" -o "$folder/$model.assay" >/dev/null
        "$assay" unpack "$folder/$model.assay" -o "$folder/$model" >/dev/null
        (cd "$folder" && "$network" "$model" "$INPUT_BYTES" "$MACS")
    done
    rm -r "$folder"
}

measure_fuel() {
    node_example fuel
    "$CARGO_TARGET_DIR/release/examples/fuel" "$@"
}

measure_disputes() {
    node_example disputes
    "$CARGO_TARGET_DIR/release/examples/disputes"
}

measure_served() {
    build_binaries
    (cd "$ROOT/tests" && node measure/served.mjs "$1")
}

measure_executors() { cargo_engine bench --locked --bench execution; }

main() {
    case "${1:-}" in
        fuel) (($# < 3)) || die "fuel takes one name" "see scripts/measure.sh --help" ;;
        served) (($# == 2)) || die "served takes one package" "see scripts/measure.sh --help" ;;
        speed | nested | executors | disputes) (($# == 1)) || die "$1 takes nothing" "see scripts/measure.sh --help" ;;
        --help | -h) usage_of "${BASH_SOURCE[0]}" && exit ;;
        *) die "what is to be measured?" "see scripts/measure.sh --help" ;;
    esac
    "$ROOT/scripts/setup.sh" --no-python
    export_wasm_toolchain
    heading "Building what measures, and measuring: $*"
    "measure_$1" "${@:2}"
}

main "$@"
