#!/usr/bin/env bash
# Builds every guest program into programs/dist.
#
#   programs/build.sh           builds
#   programs/build.sh --check   rebuilds elsewhere and fails if a committed program differs
#
# WASM_BUILD_TOOLCHAIN names the rustup toolchain that has the target wasm32v1-none (default: the default toolchain).
# Bytes depend on the compiler, so dist/RUSTC records its version. With another one --check compares no bytes: it runs
# the cli's tests on the network program that it built, and leaves the other programs unchecked.
set -euo pipefail
cd "$(dirname "$0")"

programs=(checksum network)
target=wasm32v1-none
toolchain=${WASM_BUILD_TOOLCHAIN:+"+$WASM_BUILD_TOOLCHAIN"}
version=$(rustc $toolchain --version)
dist=dist

if [[ ${1:-} == --check ]]; then
    recorded=$(<dist/RUSTC)
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

if [[ $dist == dist ]]; then
    echo "$version" >dist/RUSTC
    wc -c dist/*.wasm
elif [[ $version == "$recorded" ]]; then
    for program in "${programs[@]}"; do
        cmp "$dist/$program.wasm" "dist/$program.wasm"
    done
    echo "compared, byte by byte: ${programs[*]}. The committed programs are what the sources build."
else
    export ASSAY_NETWORK_PROGRAM=$dist/network.wasm
    (
        cd ../cli
        [[ -z ${CARGO_TARGET_DIR:-} ]] || export CARGO_TARGET_DIR=$CARGO_TARGET_DIR/cli
        cargo test --release --locked --test digits --test limits --test operators
    )
    echo "not compared: the committed programs. They were built by $recorded, this is $version."
    echo "tested: the network program that this compiler builds, on the models of the cli's tests."
fi
