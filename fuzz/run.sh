#!/usr/bin/env bash
# Builds the fuzzers and runs each for a minute, or for as many seconds as are given, two at a time; the fixtures are the seeds.
#
#   fuzz/run.sh                   # a minute each
#   fuzz/run.sh 3600              # an hour each
#   fuzz/run.sh 3600 partial      # an hour of one
#
# It takes a C++ compiler, for libFuzzer. The flags are those of cargo-fuzz without a sanitizer: there is no unsafe code to sanitize, so
# neither cargo-fuzz nor nightly Rust is needed. Debug assertions are on, so that an overflow is found. What is found lies in fuzz/artifacts,
# and the inputs that reached something new in fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(face formats partial state)
host=$(rustc -vV | sed -n 's/^host: //p')
coverage=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares)
# With --target the flags are for the fuzzers alone, not for what runs while they are built.
RUSTFLAGS="${coverage[*]} -Cdebug-assertions --cfg fuzzing" cargo build --release --locked --bins --target "$host"
# Files that are written and read thousands of times a second are best in memory.
[ ! -w /dev/shm ] || export TMPDIR=${TMPDIR:-/dev/shm}
trap 'jobs -p | xargs -r kill' EXIT
built=${CARGO_TARGET_DIR:-target}/$host/release

fuzz() {
    local target=$1 seeds=()
    mkdir -p "corpus/$target" "artifacts/$target"
    local options=(-artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -print_final_stats=1)
    case $target in
    formats) seeds=(../crates/cli/tests/fixtures ../crates/cli/tests/fixtures/kld) ;;
    # A call takes some hundred bytes to draw, from the first run on.
    *) options+=(-len_control=0 -max_len=512) ;;
    esac
    if ! "$built/$target" "corpus/$target" "${seeds[@]}" "${options[@]}" >"artifacts/$target.log" 2>&1; then
        tail -n 60 "artifacts/$target.log"
        printf '%s failed\n' "$target"
        return 1
    fi
    grep -h -E '^Done|cov: .*DONE|number_of_executed_units' "artifacts/$target.log" | sed "s/^/$target: /"
}
for ((at = 0; at < ${#targets[@]}; at += 2)); do
    fuzz "${targets[at]}" & first=$!
    [ $((at + 1)) -eq ${#targets[@]} ] || fuzz "${targets[at + 1]}"
    wait $first
done
