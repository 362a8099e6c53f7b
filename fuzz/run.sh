#!/usr/bin/env bash
# Runs each fuzzer for a minute, or for as many seconds as are given, two at a time; the fixtures are the seeds.
#
#   fuzz/run.sh         # a minute each
#   fuzz/run.sh 3600    # an hour each
#
# It takes cargo-fuzz (cargo install cargo-fuzz --locked). There is no unsafe code to sanitize, so no nightly Rust is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT

cargo +stable fuzz build --sanitizer none
fuzz() {
    target=$1
    mkdir "$scratch/corpus-$target"
    cargo +stable fuzz run --sanitizer none "$target" "$scratch/corpus-$target" "${@:2}" -- "-max_total_time=$seconds" -print_final_stats=1 \
        >"$scratch/$target" 2>&1 || { tail -n 60 "$scratch/$target" && return 1; }
    grep -E 'DONE|number_of_executed_units' "$scratch/$target"
}
fuzz face & others=$!
fuzz formats crates/cli/tests/fixtures
wait $others
fuzz partial & others=$!
fuzz state
wait $others
