#!/usr/bin/env bash
# Builds every guest program into programs/dist.
#
#   programs/build.sh           builds
#   programs/build.sh --check   rebuilds elsewhere and fails if a committed program differs
#
# WASM_BUILD_TOOLCHAIN names the rustup toolchain that has the target wasm32v1-none (default: the default toolchain).
# Bytes depend on the compiler, so dist/RUSTC records its version; with another one, --check compares nothing.
set -euo pipefail
cd "$(dirname "$0")"

programs=(checksum network)
target=wasm32v1-none
toolchain=${WASM_BUILD_TOOLCHAIN:+"+$WASM_BUILD_TOOLCHAIN"}
version=$(rustc $toolchain --version)
dist=dist

if [[ ${1:-} == --check ]]; then
    recorded=$(<dist/RUSTC)
    if [[ $version != "$recorded" ]]; then
        echo "not compared: the programs were built by $recorded, this is $version"
        exit 0
    fi
    dist=$(mktemp -d)
    trap 'rm -rf "$dist"' EXIT
fi

target_dir=${CARGO_TARGET_DIR:-$PWD/target}/programs
# Paths in panic locations would make the bytes depend on where the sources lie.
export CARGO_TARGET_WASM32V1_NONE_RUSTFLAGS="--remap-path-prefix=$PWD=programs --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
CARGO_TARGET_DIR=$target_dir cargo $toolchain build --locked --release --target "$target" \
    -p checksum -p assay-network-program

mkdir -p "$dist"
for program in "${programs[@]}"; do
    CARGO_TARGET_DIR=$target_dir cargo run --quiet --locked -p assay-program-strip -- \
        "$target_dir/$target/release/$program.wasm" "$dist/$program.wasm"
done

if [[ $dist != dist ]]; then
    for program in "${programs[@]}"; do
        cmp "$dist/$program.wasm" "dist/$program.wasm"
    done
    echo "the committed programs are what the sources build"
else
    echo "$version" >dist/RUSTC
    wc -c dist/*.wasm
fi
