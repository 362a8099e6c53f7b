#!/usr/bin/env bash
# The report of any number of processes, with even shares and uneven ones, is that of one process; a process that fails
# ends the job. Needs openmpi-bin, libopenmpi-dev and libclang-dev, and installs them where it may.
set -euo pipefail
cd "$(dirname "$0")/../../.."

if ! command -v mpirun >/dev/null || ! command -v mpicc >/dev/null; then
    [ "$(id -u)" = 0 ] || { echo 'install openmpi-bin libopenmpi-dev libclang-dev' >&2; exit 1; }
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        openmpi-bin libopenmpi-dev libclang-dev >/dev/null
fi

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
# Without MPI: as the tests build it, so that after them there is nothing to do.
cargo test --locked --no-run
one=$target/kldiv-one
cp "$target/debug/kldiv" "$one"
cargo build --locked -p kldiv-cli --features mpi --bin kldiv --example data_parallel
kldiv=$target/debug/kldiv
fixtures=$PWD/crates/cli/tests/fixtures/kld
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
cd "$scratch"
mpi() {
    # One thread a process: they share this machine. As root and beyond the cores only for this check.
    RAYON_NUM_THREADS=1 timeout 120 mpirun --allow-run-as-root --oversubscribe "$@"
}
fail() {
    printf 'failed: %s\n' "$1" >&2
    exit 1
}

"$one" compare --quiet # makes the pair of digits
pair='kldiv-digits/teacher.npy kldiv-digits/student.npy'
numbers='kldiv-digits/labels.npy' # also weights: 0 to 9, a digit for each row
tokens="$fixtures/base_even.kld $fixtures/other_even.kld $fixtures/base_even.kld"
# Along axis 0 the columns are no distributions, which is what --keep-going counts.
columns="$pair --axis 0 --reference-holds probabilities --candidate-holds log-probabilities"
for arguments in "0 $pair --labels $numbers --weights $numbers --block-bytes 1000" \
    "0 $columns --keep-going --block-bytes 400" \
    "0 $tokens --divergence jeffreys --block-bytes 9999" \
    "3 $pair --block-bytes 500 --fail-above 0.01"; do
    read -r code rest <<<"$arguments"
    status=0
    # shellcheck disable=SC2086
    "$one" compare $rest --json --csv one.csv >one 2>/dev/null || status=$?
    [ "$status" -eq "$code" ] || fail "one process ends with $status: $rest"
    for ranks in 1 2 3 5 7 '2 --shares 1,20' '4 --shares 5,1,0,2'; do
        read -r n shares <<<"$ranks"
        status=0
        # shellcheck disable=SC2086
        mpi -n "$n" "$kldiv" compare $rest --json --csv many.csv $shares >many 2>/dev/null || status=$?
        [ "$status" -eq "$code" ] || fail "$n processes end with $status: $rest"
        cmp one many || fail "other bits from $ranks processes: $rest"
        cmp one.csv many.csv || fail "other rows from $ranks processes: $rest"
    done
    echo "1, 2, 3, 5 and 7 processes, even shares and uneven: the same bits, and $code at the end"
done

# Processes with copies of their own, as on nodes without a shared file system.
mkdir 0 1
cp kldiv-digits/*.npy 0
cp kldiv-digits/*.npy 1
job=(-wdir "$scratch/0" -n 1 "$kldiv" compare teacher.npy student.npy :
    -wdir "$scratch/1" -n 1 "$kldiv" compare teacher.npy student.npy)
(cd 0 && "$one" compare teacher.npy student.npy) >one
mpi "${job[@]}" >many
cmp one many || fail 'other bits from copies of the files'
echo 'processes with copies of their own: the same bits'

# Process 1 finds a file that is cut short.
head -c 2000 kldiv-digits/student.npy >1/student.npy
status=0
mpi "${job[@]}" >out 2>error || status=$?
[ "$status" -ne 0 ] || fail 'a process without its file went unnoticed'
[ "$status" -ne 124 ] || fail 'a process without its file leaves the others waiting'
grep -q 'error: process 1 of 2: student.npy is cut off' error || fail "no clear error: $(cat error)"
[ ! -s out ] || fail 'a report in spite of an error'
echo 'a process that fails ends the job:' "$(grep error: error)"

# Process 1 is asked for what there is not.
status=0
job=("$kldiv" compare kldiv-digits/teacher.npy kldiv-digits/student.npy)
mpi -n 1 "${job[@]}" : -n 1 "${job[@]}" --bogus >out 2>error || status=$?
[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail 'a process with other arguments leaves the others waiting'
[ ! -s out ] || fail 'a report in spite of an error'
echo 'a process with bad arguments ends the job'

# Process 1 shares the rows in another way.
status=0
mpi -n 1 "${job[@]}" --shares 1,3 : -n 1 "${job[@]}" --shares 3,1 >out 2>error || status=$?
[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail 'processes with different shares go unnoticed'
[ ! -s out ] || fail 'a report of some of the rows'
echo 'processes with different shares end the job'

# All processes have the same to say at the same time.
for _ in 1 2 3 4; do
    status=0
    mpi -n 4 "$kldiv" compare missing.npy kldiv-digits/student.npy >out 2>error || status=$?
    [ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail 'a missing file goes unnoticed'
    ! grep 'error: ' error | grep -Evq '^error: process [0-3] of 4: missing.npy' ||
        fail "an error in pieces: $(cat error)"
done
echo 'processes that fail together each say so in one line'

mpi -n 3 "$target/debug/examples/data_parallel"
