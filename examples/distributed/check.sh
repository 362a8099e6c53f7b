#!/usr/bin/env bash
# The report of any number of ranks, with even shares and uneven ones, is that of one process; a rank that fails
# ends the job. Needs openmpi-bin, libopenmpi-dev and libclang-dev, and installs them where it may.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v mpirun >/dev/null || ! command -v mpicc >/dev/null; then
    [ "$(id -u)" = 0 ] || { echo 'install openmpi-bin libopenmpi-dev libclang-dev' >&2; exit 1; }
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        openmpi-bin libopenmpi-dev libclang-dev >/dev/null
fi

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
distributed=$target/release/distributed
evaluate=$target/release/examples/evaluate
cargo build --release --locked -p kldiv-distributed
cargo build --release --locked --example evaluate
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
mpi() {
    # One thread a rank: the ranks share this machine. As root and beyond the cores only for this check.
    RAYON_NUM_THREADS=1 timeout 120 mpirun --allow-run-as-root --oversubscribe "$@"
}
fail() {
    printf 'failed: %s\n' "$1" >&2
    exit 1
}

"$evaluate" >/dev/null 2>&1 # makes the pair of digits
pair=(target/evaluate/student.npy target/evaluate/teacher.npy)
for settings in '' '--log-target --axis 0 --block-bytes 1000' '--logits --temperature 2'; do
    # shellcheck disable=SC2086
    "$evaluate" "${pair[@]}" --json $settings >"$scratch/one"
    for ranks in '1' '2' '3' '4' '7' '2 --shares 1,20' '4 --shares 5,1,0,2'; do
        read -r n rest <<<"$ranks"
        # shellcheck disable=SC2086
        mpi -n "$n" "$distributed" "${pair[@]}" --json $settings $rest >"$scratch/many"
        cmp "$scratch/one" "$scratch/many" || fail "other bits from $ranks ranks${settings:+, $settings}"
    done
    echo "1, 2, 3, 4 and 7 ranks, even shares and uneven: the same bits${settings:+ ($settings)}"
done

# Ranks with copies of their own, as on nodes without a shared file system.
mkdir "$scratch/0" "$scratch/1"
for rank in 0 1; do
    cp "${pair[@]}" "$scratch/$rank"
done
job=(-wdir "$scratch/0" -n 1 "$distributed" student.npy teacher.npy :
    -wdir "$scratch/1" -n 1 "$distributed" student.npy teacher.npy)
"$evaluate" "${pair[@]}" >"$scratch/one"
mpi "${job[@]}" >"$scratch/many"
cmp "$scratch/one" "$scratch/many" || fail 'other bits from copies of the files'
echo 'ranks with copies of their own: the same bits'

# Rank 1 finds a file that is cut short.
head -c 2000 "${pair[1]}" >"$scratch/1/teacher.npy"
status=0
mpi "${job[@]}" >"$scratch/out" 2>"$scratch/error" || status=$?
[ "$status" -ne 0 ] || fail 'a rank without its file went unnoticed'
[ "$status" -ne 124 ] || fail 'a rank without its file leaves the others waiting'
grep -q 'error: rank 1 of 2: teacher.npy is truncated' "$scratch/error" || fail 'no clear error'
[ ! -s "$scratch/out" ] || fail 'a report in spite of an error'
echo 'a rank that fails ends the job:' "$(grep error: "$scratch/error")"

# Rank 1 is asked for what there is not.
status=0
one=("$distributed" "${pair[@]}")
mpi -n 1 "${one[@]}" : -n 1 "${one[@]}" --bogus >"$scratch/out" 2>"$scratch/error" || status=$?
[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail 'a rank with other arguments leaves the others waiting'
[ ! -s "$scratch/out" ] || fail 'a report in spite of an error'
echo 'a rank with bad arguments ends the job'

# Rank 1 shares the rows in another way.
status=0
mpi -n 1 "${one[@]}" --shares 1,3 : -n 1 "${one[@]}" --shares 3,1 >"$scratch/out" 2>"$scratch/error" || status=$?
[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail 'ranks with different shares go unnoticed'
[ ! -s "$scratch/out" ] || fail 'a report of some of the rows'
echo 'ranks with different shares end the job'

# All ranks have the same to say at the same time.
for _ in 1 2 3 4; do
    status=0
    mpi -n 4 "$distributed" missing.npy "${pair[1]}" >"$scratch/out" 2>"$scratch/error" || status=$?
    [ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail 'a missing file goes unnoticed'
    ! grep 'error: ' "$scratch/error" | grep -Evq '^error: rank [0-3] of 4: cannot read missing.npy' ||
        fail "an error in pieces: $(cat "$scratch/error")"
done
echo 'ranks that fail together each say so in one line'

mpi -n 3 "$distributed" --train
