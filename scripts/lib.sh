# Shared by the scripts of this folder. Source it; it runs nothing.
#
# After sourcing, these are set and exported:
#   ROOT                       the repository
#   ASSAY_CACHE                what the scripts keep between runs: logs, Python environment
#   CARGO_TARGET_DIR           outside of the clone, so that a fresh clone reuses it
#   WASM_BUILD_WORKSPACE_HINT  where the runtime's build finds the workspace

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
ASSAY_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/assay"
export ROOT ASSAY_CACHE
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ASSAY_CACHE/target}"
export WASM_BUILD_WORKSPACE_HINT="$ROOT"

# rustup's own installation puts cargo here; a shell that was open before does not know it.
if [[ -d "$HOME/.cargo/bin" && ":$PATH:" != *":$HOME/.cargo/bin:"* ]]; then
    PATH="$HOME/.cargo/bin:$PATH"
fi

readonly WASM_TARGET=wasm32v1-none
# The toolchain that setup.sh links where rustup cannot download the target.
readonly LINKED_TOOLCHAIN=assay-wasm

if [[ -t 1 ]]; then
    readonly BOLD=$'\e[1m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
    readonly BOLD='' RED='' PLAIN=''
fi

# heading TEXT: the start of a part.
heading() { printf '\n%s==> %s%s\n' "$BOLD" "$*" "$PLAIN"; }

# say TEXT: one fact.
say() { printf '    %s\n' "$*"; }

# die TEXT [WHAT TO DO...]: ends the script with an error.
die() {
    printf '\n%serror:%s %s\n' "$RED" "$PLAIN" "$1" >&2
    shift
    local line
    for line in "$@"; do
        printf '       %s\n' "$line" >&2
    done
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# usage_of SCRIPT: the comment at the top of a script is its help.
usage_of() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"; }

# seconds_as_text SECONDS: "75 s", "12 min 3 s".
seconds_as_text() {
    if (($1 < 120)); then
        printf '%d s' "$1"
    else
        printf '%d min %d s' "$(($1 / 60))" "$(($1 % 60))"
    fi
}

# version_at_least HAVE WANT: compares dotted numbers.
version_at_least() { [[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" == "$2" ]]; }

# can_build_wasm [TOOLCHAIN]: whether the toolchain (the default one if empty) compiles and links for the
# WASM target. Compiling, not looking for files, also finds libraries that an upgrade left behind.
can_build_wasm() {
    local toolchain="${1:-}" folder status=0
    folder="$(mktemp -d)"
    cat >"$folder/probe.rs" <<'RUST'
#![no_std]
extern crate alloc;
struct Nothing;
unsafe impl core::alloc::GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: core::alloc::Layout) -> *mut u8 { core::ptr::null_mut() }
    unsafe fn dealloc(&self, _: *mut u8, _: core::alloc::Layout) {}
}
#[global_allocator]
static ALLOCATOR: Nothing = Nothing;
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
RUST
    rustc ${toolchain:+"+$toolchain"} --edition 2021 --crate-type cdylib --target "$WASM_TARGET" \
        -C panic=abort -o "$folder/probe.wasm" "$folder/probe.rs" >/dev/null 2>&1 || status=1
    rm -rf "$folder"
    return "$status"
}

# wasm_toolchain: prints the toolchain that builds the runtime's WASM, nothing for the default one.
# Fails where none can.
wasm_toolchain() {
    local toolchain
    for toolchain in "${WASM_BUILD_TOOLCHAIN:-}" '' "$LINKED_TOOLCHAIN"; do
        if can_build_wasm "$toolchain"; then
            printf '%s' "$toolchain"
            return
        fi
    done
    return 1
}

# export_wasm_toolchain: makes cargo builds after it use that toolchain.
export_wasm_toolchain() {
    local toolchain
    toolchain="$(wasm_toolchain)" || die "no Rust toolchain here builds for $WASM_TARGET" "run scripts/setup.sh"
    if [[ -n "$toolchain" ]]; then
        export WASM_BUILD_TOOLCHAIN="$toolchain"
    else
        unset WASM_BUILD_TOOLCHAIN
    fi
}

# cargo_node ARGUMENTS...: cargo in the workspace of the node. Its test features are those of its build, so that the
# SDK compiles once.
cargo_node() { (cd "$ROOT" && cargo "$@"); }

# The packages of that workspace for a build of all. The engine's tests and fuzz targets are with its JIT, which no other
# package has.
readonly WITHOUT_ENGINE=(--workspace --exclude assay-engine --exclude assay-engine-fuzz)

# cargo_cli ARGUMENTS...: cargo in the workspace of the tools, which have features and a target folder of their own.
cargo_cli() { (cd "$ROOT/cli" && CARGO_TARGET_DIR="$CARGO_TARGET_DIR/cli" cargo "$@"); }

# cargo_programs ARGUMENTS...: cargo in the workspace of the guest programs, for this machine.
cargo_programs() { (cd "$ROOT/programs" && CARGO_TARGET_DIR="$CARGO_TARGET_DIR/programs" cargo "$@"); }

# cargo_engine COMMAND ARGUMENTS...: cargo for the engine with the JIT. The node is chosen besides, not for its own targets:
# the engine's dependencies so have the features that they have in the node, and compile once.
cargo_engine() {
    local command="$1"
    shift
    cargo_node "$command" -p assay-engine -p assay-node --features assay-engine/jit "$@"
}

# engine_tests: prints the options that choose the engine's own tests.
engine_tests() {
    echo --lib
    local file
    for file in "$ROOT"/engine/tests/*.rs; do printf -- '--test=%s\n' "$(basename "$file" .rs)"; done
}

# build_binaries: the node and the tools. The node with all packages chosen, as for their tests: chosen alone, it would
# have the pallets without their default features, and compile them a second time.
build_binaries() {
    cargo_node build --release --locked "${WITHOUT_ENGINE[@]}" --bins
    cargo_cli build --release --locked
}

# become_demo OPTIONS...: goes on as the demonstration, with what is built.
become_demo() { exec node "$ROOT/tests/demo/main.mjs" "$@"; }

# python_of_venv: prints the interpreter that has onnxruntime.
python_of_venv() { printf '%s' "$ASSAY_CACHE/venv/bin/python"; }
