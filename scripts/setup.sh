#!/usr/bin/env bash
# Sets up what building and testing Assay needs, on Debian or Ubuntu with rustup.
#
# Usage: scripts/setup.sh [--no-python] [--help]
#
#   --no-python  leave out the Python environment, which only the tests of the models use
#
# It installs, where missing: Debian packages for native builds, Rust's WASM target, Node.js with the packages
# of tests/, and onnxruntime in a Python environment of its own. It changes nothing that is in place already:
# a second run takes a few seconds. The first takes 1 to 5 minutes. The build that follows it takes about
# an hour on two cores.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly BUILD_PACKAGES=(clang libclang-dev protobuf-compiler pkg-config cmake build-essential curl ca-certificates git)
# Debian's newest Rust, the sources of its libraries and its linker.
readonly WASM_PACKAGES=(rustc-web cargo-web rust-web-src rust-web-llvm lld-22)
readonly MIN_NODE=18.19
readonly REQUIREMENTS=("$ROOT/models/digits/requirements-reference.txt" "$ROOT/models/backend/requirements.txt")

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        die "this needs root: $*" "install sudo, or run the command as root and start again"
    fi
}

# missing_packages NAME...: prints those that are not installed.
missing_packages() {
    local name
    for name in "$@"; do
        dpkg-query -W -f='${Status}\n' "$name" 2>/dev/null | grep -q 'install ok installed' || printf '%s\n' "$name"
    done
}

# install_packages NAME...: what is missing of them. Never removes a package.
install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    has apt-get || die "these packages are missing: ${missing[*]}" \
        "this system has no apt-get: install what corresponds to them and start again"
    say "installing ${missing[*]}"
    as_root apt-get update -qq || say "the package lists could not be fetched, trying those that are here"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove \
        "${missing[@]}" >/dev/null || return 1
}

setup_build_packages() {
    heading "Debian packages for native builds (up to 2 minutes)"
    install_packages "${BUILD_PACKAGES[@]}" || die "apt-get could not install the packages" "see its message above"
    say "in place"
}

setup_rust() {
    local wanted have
    heading "Rust"
    has rustup && has cargo || die "rustup is missing" "install it as https://rustup.rs says, then start again"
    wanted="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")"
    have="$(rustc --version | cut -d ' ' -f 2)" || die "rustup has no Rust to run" "run: rustup default stable"
    version_at_least "$have" "$wanted" || die "Rust $have is too old, $wanted is needed" "run: rustup update stable"
    has_rust_tools || add_rust_tools
    say "Rust $have, with rustfmt and clippy"
}

has_rust_tools() { cargo fmt --version >/dev/null 2>&1 && rustup which clippy-driver >/dev/null 2>&1; }

add_rust_tools() {
    local command=(rustup component add rustfmt clippy)
    say "asking rustup for rustfmt and clippy, which the tests use"
    "${command[@]}" || die "rustup could not install rustfmt and clippy" \
        "see its message above, let it reach its server and run: ${command[*]}"
    has_rust_tools || die "rustup installed rustfmt and clippy, and cargo still has none" \
        "this cargo may not be rustup's: $(command -v cargo)" "put $HOME/.cargo/bin before it in PATH, then start again"
}

setup_wasm_target() {
    local toolchain
    heading "Rust's $WASM_TARGET target (up to 2 minutes)"
    toolchain="$(wasm_toolchain)" || {
        add_target_by_rustup || add_target_by_debian
        toolchain="$(wasm_toolchain)" || die "the target was installed, and still nothing builds for it" \
            "see what rustc says: rustc --target $WASM_TARGET --crate-type rlib FILE"
    }
    say "in place, in ${toolchain:+the toolchain }${toolchain:-the default toolchain}"
}

add_target_by_rustup() {
    say "asking rustup for it"
    timeout 180 rustup target add "$WASM_TARGET" >/dev/null 2>&1 && can_build_wasm
}

# Where rustup cannot download: Debian's Rust, linked as a toolchain, with the target's libraries built here.
add_target_by_debian() {
    say "rustup cannot download it; taking Debian's own Rust as toolchain '$LINKED_TOOLCHAIN'"
    install_packages "${WASM_PACKAGES[@]}" || die "the target can be had neither from rustup nor from Debian" \
        "let rustup reach its server and run: rustup target add $WASM_TARGET" \
        "or add a source of apt that has: ${WASM_PACKAGES[*]} (Debian 12 has them)"
    rustup toolchain link "$LINKED_TOOLCHAIN" /usr
    can_build_wasm "$LINKED_TOOLCHAIN" || build_wasm_libraries "$LINKED_TOOLCHAIN" "/usr/lib/rustlib/$WASM_TARGET/lib"
}

# build_wasm_libraries TOOLCHAIN FOLDER: core, alloc and compiler_builtins for the target, put in FOLDER.
build_wasm_libraries() {
    local toolchain="$1" folder="$2" crate
    say "building the target's libraries (half a minute)"
    crate="$(mktemp -d)"
    # The bitcode is for link-time optimization, which the runtime's build asks for.
    if ! (
        cd "$crate"
        mkdir src
        printf '%s\n' '[package]' 'name = "libraries"' 'version = "0.0.0"' 'edition = "2021"' '[workspace]' >Cargo.toml
        printf '%s\n' '#![no_std]' >src/lib.rs
        env -u CARGO_TARGET_DIR RUSTFLAGS="-Cembed-bitcode=yes" RUSTC_BOOTSTRAP=1 \
            cargo "+$toolchain" build --quiet --release --target "$WASM_TARGET" -Zbuild-std=core,alloc
    ); then
        rm -rf "$crate"
        die "the libraries of $WASM_TARGET could not be built" "see cargo's message above"
    fi
    as_root mkdir -p "$folder"
    as_root find "$folder" -maxdepth 1 -regextype posix-extended \
        -regex '.*/lib(core|alloc|compiler_builtins)-[^/]*\.(rlib|rmeta)' -delete
    find "$crate/target/$WASM_TARGET/release/deps" -regextype posix-extended \
        -regex '.*/lib(core|alloc|compiler_builtins)-[^/]*\.(rlib|rmeta)' -print0 |
        as_root xargs -0 cp -t "$folder"
    rm -rf "$crate"
}

has_node() { has npm && version_at_least "$(node --version 2>/dev/null | sed 's/^v//')" "$MIN_NODE"; }

setup_node() {
    local lock="$ROOT/tests/package-lock.json" stamp="$ROOT/tests/node_modules/.lock-of-setup"
    heading "Node.js and the packages of tests/ (up to 1 minute)"
    if ! has_node; then
        install_packages nodejs npm || die "apt-get could not install Node.js" "see its message above"
    fi
    if ! has_node; then
        die "Node.js $MIN_NODE or newer is needed, this is $(node --version 2>/dev/null || echo none)" \
            "this system's own package is too old: install one from https://nodejs.org, then start again"
    fi
    if ! cmp -s "$lock" "$stamp"; then
        (cd "$ROOT/tests" && npm ci --no-audit --no-fund --loglevel=error) ||
            die "the packages of tests/ could not be installed" "see npm's message above"
        cp "$lock" "$stamp"
    fi
    say "Node.js $(node --version), packages in place"
}

setup_python() {
    local venv="$ASSAY_CACHE/venv" stamp="$ASSAY_CACHE/venv/requirements.txt" wanted
    wanted="$(grep -hv '^#' "${REQUIREMENTS[@]}" | sort -u)"
    heading "onnxruntime and ONNX's own tests, to check the models' answers (up to 1 minute)"
    if [[ ! -f "$stamp" || "$wanted" != "$(<"$stamp")" ]]; then
        rm -rf "$venv"
        mkdir -p "$ASSAY_CACHE"
        new_venv "$venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            -r "${REQUIREMENTS[0]}" -r "${REQUIREMENTS[1]}" ||
            die "the Python packages could not be installed" "they want Python 3.11 or newer, this is $(python3 --version)"
        printf '%s\n' "$wanted" >"$stamp"
    fi
    say "$("$venv/bin/python" --version) with $(tr '\n' ' ' <<<"$wanted")"
}

new_venv() {
    python3 -m venv "$1" >/dev/null 2>&1 && return
    install_packages python3 python3-venv || die "apt-get could not install Python" "see its message above"
    rm -rf "$1"
    python3 -m venv "$1" || die "no Python environment could be made" "see Python's message above"
}

main() {
    local python=yes
    while (($#)); do
        case "$1" in
            --no-python) python=no ;;
            --help | -h) usage_of "${BASH_SOURCE[0]}" && exit ;;
            *) die "unknown option $1" "see scripts/setup.sh --help" ;;
        esac
        shift
    done
    heading "Setting up. The first time takes 1 to 5 minutes, the build after it about an hour on two cores."
    setup_build_packages
    setup_rust
    setup_wasm_target
    setup_node
    if [[ "$python" == yes ]]; then
        setup_python
    fi
}

# Sourced, it only defines its functions.
if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
    main "$@"
fi
