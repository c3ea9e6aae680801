#!/usr/bin/env bash
# Documents a crate by the command that `cargo test --doc` runs its doctests with. Set RUSTDOC to this file.
#
# The pages go to $CARGO_TARGET_DIR/doc. A warning is an error.
set -euo pipefail

arguments=()
while (($#)); do
    case "$1" in
        --test | --no-run) ;;
        --test-args | --test-run-directory | --test-runtool | --test-runtool-arg) shift ;;
        *) arguments+=("$1") ;;
    esac
    shift
done
exec rustdoc "${arguments[@]}" --out-dir "$CARGO_TARGET_DIR/doc" --deny warnings
