#!/usr/bin/env bash
# Sets up and runs every test of Assay.
#
# Usage: scripts/test.sh [--only SECTION]... [--list] [--help]
#
#   --only SECTION  run this section, and no other that is not named likewise
#   --list          print the sections in their order
#
# The section testnet runs if it is named: it builds the relay chain's node, and its journeys take two hours by themselves.
# It has to be run by root, who alone may make a disk that is full.
#
# The first run builds for more than an hour on two cores; a later one takes 10 to 20 minutes.
# docs/measurements.md has the figures. The first section that fails ends the run. The log of each section stays in
# ~/.cache/assay/logs. After the build, the sections that compute run beside those that mostly wait for blocks, and give
# way to them; in the end both lanes share what is left of them.
#
# GENERATED_MODULES   programs on which the section fuzz compares the executors (default 20000); engine/fuzz goes on
#                     without end
# PROPERTY_SEQUENCES  random sequences of calls of all pallets (default 10000); those of one pallet alone are a fifth
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly LOGS="$ASSAY_CACHE/logs"
readonly SECTIONS=(format build lint docs unit engine cli programs models fuzz properties demo journeys)
# What is run if it is named alone.
readonly ON_REQUEST=(testnet)
# What comes before all else, and what mostly waits for blocks.
readonly FIRST=(format build) WAITING=(demo journeys)

describe() {
    case "$1" in
        format) echo "every file is formatted" ;;
        build) echo "the node and the tools build" ;;
        lint) echo "no crate has a warning, of the compiler or of Clippy" ;;
        docs) echo "the documentation builds without a warning" ;;
        unit) echo "the tests of the pallets, the runtime and the node pass" ;;
        engine) echo "the executors agree on every step of every program" ;;
        fuzz) echo "the executors agree on generated programs, many of them" ;;
        cli) echo "the tests of the tools pass, every sample of every model included" ;;
        programs) echo "the guest programs pass their tests, and the committed ones are what the sources build" ;;
        models) echo "the committed answers are what onnxruntime gives, and ONNX's own tests of operators pass" ;;
        properties) echo "random sequences of calls keep every invariant" ;;
        demo) echo "the demonstrations end as they should: who is right is paid, who lies loses" ;;
        journeys) echo "clients get through every journey with a real node" ;;
        testnet) echo "the same on a network with a relay chain, and journeys of faults" ;;
    esac
}

section_format() {
    cargo fmt --all --check
    cargo fmt --all --check --manifest-path "$ROOT/cli/Cargo.toml"
    cargo fmt --all --check --manifest-path "$ROOT/programs/Cargo.toml"
}

section_build() {
    build_binaries
    cargo_node test --release --locked "${WITHOUT_ENGINE[@]}" --no-run
}

# Clippy compiles the workspaces' own crates, without optimizing, on top of the dependencies that the build made: `cargo
# clippy` would check the whole SDK besides. Its node has no runtime, and takes the place of the one that was built for a
# while: what runs beside has a copy.
section_lint() {
    (
        RUSTC_WORKSPACE_WRAPPER="$(rustup which clippy-driver)"
        export RUSTC_WORKSPACE_WRAPPER SKIP_ASSAY_RUNTIME_WASM_BUILD=1 CARGO_TERM_COLOR=never
        local of_node of_cli of_engine
        mapfile -t of_engine < <(engine_tests)
        mapfile -t of_node < <(unoptimized "$ROOT")
        mapfile -t of_cli < <(unoptimized "$ROOT/cli")
        deny_warnings cargo_node build --release --locked "${WITHOUT_ENGINE[@]}" --all-targets "${of_node[@]}"
        deny_warnings cargo_engine test --no-run --release --locked "${of_engine[@]}" --bench execution "${of_node[@]}"
        deny_warnings cargo_engine build -p assay-engine-fuzz --release --locked \
            --bin executors --bin program_check --bin witness "${of_node[@]}"
        deny_warnings cargo_cli build --release --locked --workspace --all-targets "${of_cli[@]}"
        deny_warnings cargo_programs build --release --locked -p assay-network -p assay-network-plan -p assay-program-strip --all-targets
    )
    build_binaries
}

# unoptimized WORKSPACE: prints the options that build its own crates without optimization.
unoptimized() {
    cargo metadata --no-deps --locked --format-version 1 --manifest-path "$1/Cargo.toml" |
        node --print 'JSON.parse(fs.readFileSync(0)).packages
            .map(({ name }) => `--config=profile.release.package.${name}.opt-level=0`).join("\n")'
}

# deny_warnings COMMAND...: runs it and fails if it warns.
deny_warnings() {
    local output
    output="$(mktemp)"
    "$@" 2>&1 | tee "$output"
    ! grep -q '^warning' "$output" || die "there are warnings, see above"
    rm "$output"
}

# Documents by the doctests' commands: `cargo doc` would check the whole SDK besides compiling it.
section_docs() {
    export RUSTDOC="$ROOT/scripts/rustdoc.sh"
    cargo_node test --release --locked "${WITHOUT_ENGINE[@]}" --doc
    cargo_engine test --release --locked --doc
    cargo_cli test --release --locked --workspace --doc
    # What programs are written with exists for the step machine alone.
    cargo_programs test --release --locked --workspace --exclude assay-program --doc
}

section_unit() { cargo_node test --release --locked "${WITHOUT_ENGINE[@]}"; }

# Without the generated programs, of which the section fuzz has many more.
section_engine() {
    local tests
    mapfile -t tests < <(engine_tests | grep -v generated)
    cargo_engine test --release --locked "${tests[@]}"
}

section_fuzz() {
    GENERATED_MODULES="${GENERATED_MODULES:-20000}" cargo_engine test --release --locked --test generated -- --nocapture
}

section_cli() { cargo_cli test --release --locked --workspace; }

section_programs() {
    cargo_programs test --release --locked --workspace
    "$ROOT/programs/build.sh" --check
}

section_models() {
    "$(python_of_venv)" "$ROOT/models/digits/reference.py" --check
    ASSAY="${ASSAY_BINARIES:-$CARGO_TARGET_DIR/cli/release}/assay" \
        "$(python_of_venv)" "$ROOT/models/backend/backend.py" --retry
}

section_properties() {
    local cases="${PROPERTY_SEQUENCES:-10000}"
    # Each pallet has one long test: together they use all cores. The worker has no calls. The sequences of jobs have the
    # calls of all pallets, so that those of a pallet alone need not be as many.
    local tests test runs=()
    mapfile -t tests < <(cargo_node test --release --locked "${WITHOUT_ENGINE[@]}" --lib --no-run 2>&1 |
        sed -n '/pallet_worker/d; /pallet_disputes/d; s/.*Executable unittests .*(\(.*pallet_.*\))$/\1/p')
    ((${#tests[@]} > 2)) || die "the pallets' tests were not built" "see scripts/test.sh --only unit"
    for test in "${tests[@]}"; do
        has_tests_named properties "$test"
        if [[ "$test" == */pallet_jobs-* ]]; then
            runs+=("PROPTEST_CASES=$cases" "$test" properties)
        else
            runs+=("PROPTEST_CASES=$((cases / 5))" "$test" properties)
        fi
    done
    printf '%s\n' "${runs[@]}" | xargs --max-procs="$(nproc)" --max-args=3 env
}

# has_tests_named NAME EXECUTABLE: a run that chooses tests by their name passes where there are none.
has_tests_named() {
    "$2" --list "$1" | grep ': test$' >/dev/null || die "no test of $2 has '$1' in its name"
}

section_demo() {
    node "$ROOT/tests/demo/interrupted.mjs"
    (become_demo fraud --once)
}

section_journeys() { (cd "$ROOT/tests" && npm test); }

section_testnet() {
    # A network of its own: somebody may use the other one.
    export ASSAY_TESTNET="$ASSAY_CACHE/testnet-of-tests" ASSAY_TESTNET_PORT=9800
    trap '"$ROOT/scripts/testnet.sh" down' EXIT
    "$ROOT/scripts/runtime.sh" next
    "$ROOT/scripts/testnet.sh" up --fresh
    "$ROOT/scripts/testnet.sh" test
}

# Lets what waits for blocks run copies of the binaries: those of the lint take their places in the target folder.
keep_binaries() {
    export ASSAY_BINARIES="$ASSAY_CACHE/binaries"
    mkdir -p "$ASSAY_BINARIES"
    cp --force --preserve=timestamps "$CARGO_TARGET_DIR/release/assay-node" "$CARGO_TARGET_DIR/cli/release/assay" \
        "$ASSAY_BINARIES/" || die "the node or the tools are not built" "run scripts/test.sh --only build"
}

# The table's rows: section, seconds, result.
summary=()
failed=''

print_summary() {
    heading "Summary"
    printf '    %-12s %9s  %s\n' section seconds result
    printf '    %-12s %9s  %s\n' "${summary[@]}"
}

# run_section NAME: sets `failed` where it fails. Not for use in a condition, where `set -e` does not hold.
run_section() {
    local name="$1" start="$SECONDS" result=passed
    heading "$name: $(describe "$name")"
    set +e
    (
        set -e
        cd "$ROOT"
        "section_$name"
    ) 2>&1 | tee "$LOGS/$name.log"
    if ((PIPESTATUS[0])); then
        result=failed
        failed="$name"
    fi
    set -e
    summary+=("$name" "$((SECONDS - start))" "$result")
}

is_section() { is_one_of "$1" "${SECTIONS[@]}" "${ON_REQUEST[@]}"; }

# is_one_of NAME LIST...
is_one_of() {
    local name="$1" other
    shift
    for other in "$@"; do [[ "$name" != "$other" ]] || return 0; done
    return 1
}

# A folder for each section that a lane of this run took.
taken="$(mktemp -d)"
readonly taken

# take SECTION: succeeds for one lane alone.
take() { mkdir "$taken/$1" 2>/dev/null; }

# run_sections NAME...: those that nobody took, up to the first that fails in either lane.
run_sections() {
    local section
    for section in "$@"; do
        [[ ! -s "$LOGS/beside.failed" ]] || break
        take "$section" || continue
        run_section "$section"
        [[ -z "$failed" ]] || break
    done
}

# reversed WORDS...: prints them, the last one first.
reversed() { printf '%s\n' "$@" | tac; }

# The process group of what runs beside.
beside=''
stop_beside() { [[ -z "$beside" ]] || kill -- "-$beside" 2>/dev/null || true; }
trap 'stop_beside; rm -rf "$taken"' EXIT

# run_beside NAME...: runs sections in the background, at the lowest priority.
run_beside() {
    heading "$*: beside what follows"
    say "their output: $LOGS/beside.log"
    set -m
    (
        renice -n 19 -p "$BASHPID" >/dev/null
        summary=()
        run_sections "$@"
        printf '%s\n' "${summary[@]}" >"$LOGS/beside.rows"
        printf '%s' "$failed" >"$LOGS/beside.failed"
    ) >"$LOGS/beside.log" 2>&1 &
    set +m
    beside="$!"
}

# wait_for_beside: takes over its rows of the table, and its failure.
wait_for_beside() {
    local rows
    heading "Waiting for what runs beside"
    say "its output: $LOGS/beside.log"
    wait "$beside" || true
    beside=''
    [[ -f "$LOGS/beside.failed" ]] || die "what ran beside was killed" "its output: $LOGS/beside.log"
    mapfile -t rows <"$LOGS/beside.rows"
    summary+=("${rows[@]}")
    failed="${failed:-$(<"$LOGS/beside.failed")}"
}

# run_chosen NAME...: in the order of the list; in two lanes where that saves time.
run_chosen() {
    local first=() waiting=() computing=() section
    for section in "$@"; do
        if is_one_of "$section" "${FIRST[@]}"; then
            first+=("$section")
        elif is_one_of "$section" "${WAITING[@]}"; then
            waiting+=("$section")
        else
            computing+=("$section")
        fi
    done
    run_sections "${first[@]}"
    [[ -z "$failed" ]] || return 0
    if ((${#waiting[@]})); then keep_binaries; fi
    if ((${#waiting[@]} && ${#computing[@]})); then
        run_beside "${computing[@]}"
        local from_the_end
        mapfile -t from_the_end < <(reversed "${computing[@]}")
        run_sections "${waiting[@]}" "${from_the_end[@]}"
        [[ -n "$failed" ]] || wait_for_beside
    else
        run_sections "${waiting[@]}" "${computing[@]}"
    fi
}

main() {
    local chosen=() section
    while (($#)); do
        case "$1" in
            --only)
                (($# > 1)) && is_section "$2" || die "--only wants a section" "see scripts/test.sh --list"
                is_one_of "$2" "${chosen[@]}" || chosen+=("$2")
                shift
                ;;
            --list)
                for section in "${SECTIONS[@]}" "${ON_REQUEST[@]}"; do printf '%-12s %s\n' "$section" "$(describe "$section")"; done
                exit
                ;;
            --help | -h) usage_of "${BASH_SOURCE[0]}" && exit ;;
            *) die "unknown option $1" "see scripts/test.sh --help" ;;
        esac
        shift
    done
    ((${#chosen[@]})) || chosen=("${SECTIONS[@]}")

    mkdir -p "$LOGS"
    rm -f "$LOGS"/beside.*
    "$ROOT/scripts/setup.sh"
    export_wasm_toolchain
    run_chosen "${chosen[@]}"
    print_summary
    if [[ -z "$failed" ]]; then
        ((${#summary[@]} == 3 * ${#chosen[@]})) || die "not all sections ran"
        return
    fi
    heading "The end of what $failed printed"
    tail -n 40 "$LOGS/$failed.log"
    die "the section '$failed' failed" "its log: $LOGS/$failed.log" \
        "to run it again: scripts/test.sh --only $failed"
}

main "$@"
