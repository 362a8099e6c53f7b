#!/usr/bin/env bash
# Measures this crate beside its peers and writes benches/REPORT.md, benches/charts and the table in README.md.
#
#   benches/peers/run.sh            # three runs: half an hour or more, after building
#   RUNS=1 benches/peers/run.sh     # one run of the comparison; how it scales is measured once in any case
#   benches/peers/run.sh --quick    # one round of each, to see that all works
#   PYTHON=… benches/peers/run.sh   # an interpreter that has torch, jax and scipy; else a venv is made
#
# FEATURES chooses the heavy Rust peers (burn,candle,numkong), RAYON_NUM_THREADS the threads. The wheels come from
# wherever pip is set to look; on a machine without a GPU, PIP_EXTRA_INDEX_URL may name PyTorch's index of smaller ones.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
data=$target/peers
features=${FEATURES-burn,candle,numkong}
mkdir -p "$data"

cargo build --release --locked -p kldiv-peers --no-default-features --features "$features"
cargo test --release --locked -p kldiv-peers --no-default-features --features "$features" --test surrogate

if [ -z "${PYTHON:-}" ]; then
    venv=$data/venv
    if [ -x "$venv/bin/python" ] || python3 -m venv "$venv"; then
        PYTHON=$venv/bin/python
        # One by one: who cannot be had is left out of the report.
        while read -r requirement; do
            "$PYTHON" -m pip install --quiet --disable-pip-version-check "$requirement" ||
                echo "left out: $requirement" >&2
        done <benches/peers/python/requirements.txt
    else
        echo "left out: all peers in Python, which take python3 with venv (apt-get install python3-venv)" >&2
    fi
fi
export TORCHINDUCTOR_CACHE_DIR=$PWD/$data/inductor
case $data in /*) TORCHINDUCTOR_CACHE_DIR=$data/inductor ;; esac

peers=("$target/release/kldiv-peers" --data "$data" "$@")
python=(${PYTHON:+--python "$PYTHON"})
runs=3
[[ " $* " != *" --quick "* ]] || runs=1
"${peers[@]}" "${python[@]}" compare --runs "${RUNS-$runs}"
"${peers[@]}" scaling
"${peers[@]}" report
