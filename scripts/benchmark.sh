#!/usr/bin/env bash
# Measures the calls of Assay's pallets and writes their weights: pallets/*/src/weights.rs.
#
# Usage: scripts/benchmark.sh [PALLET]...    (default: disputes jobs models providers)
#
# Leave the machine alone meanwhile. The runtime is built once more, with its benchmarks: some 15 minutes on two cores
# the first time. The run takes some 10.
#
# STEPS    values of each component that are measured (default 20)
# REPEAT   repetitions of each (default 10)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly BENCHMARKS_TARGET="$CARGO_TARGET_DIR/benchmarks"
readonly BLOB="$BENCHMARKS_TARGET/release/wbuild/assay-runtime/assay_runtime.compact.compressed.wasm"

benchmark() {
    heading "pallet-$1"
    "$CARGO_TARGET_DIR/release/examples/weights" \
        --runtime "$BLOB" --genesis-builder runtime --genesis-builder-preset development \
        --pallet "pallet_$1" --extrinsic '*' --steps "${STEPS:-20}" --repeat "${REPEAT:-10}" \
        --template "$ROOT/scripts/weights.hbs" --output "$ROOT/pallets/$1/src/weights.rs"
}

main() {
    [[ "${1:-}" != --help ]] || { usage_of "${BASH_SOURCE[0]}" && exit; }
    (($#)) || set -- disputes jobs models providers
    "$ROOT/scripts/setup.sh"
    export_wasm_toolchain
    heading "The runtime with its benchmarks"
    # Its build script makes the WASM. Natively it is only checked.
    (cd "$ROOT" && CARGO_TARGET_DIR="$BENCHMARKS_TARGET" \
        cargo check --release --locked -p assay-runtime --features runtime-benchmarks)
    heading "The tool that measures"
    cargo_node build --release --locked "${WITHOUT_ENGINE[@]}" --example weights
    local pallet
    for pallet in "$@"; do benchmark "$pallet"; done
}

main "$@"
