"""Sparse teachers beside torch: `benches/sparse.rs` and the usual gather composition, in turns.

    cargo bench --bench sparse --no-run
    python benches/peers/python/sparse.py target/release/deps/sparse-<hash>

The composition normalises the student, gathers the teacher's k classes, and puts what both leave in a bucket:
log(1 − Σp), log(1 − Σq). Each turn is a process of ours and as many runs of torch, eager and compiled; medians of three turns.
"""

import json
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

THREADS = 2
NUMBERS = 1 << 24


def composition(student, classes, log_p):
    log_q = F.log_softmax(student, dim=-1).gather(-1, classes)
    rest_p = torch.log1p(-log_p.exp().sum(-1)).unsqueeze(-1)
    rest_q = torch.log1p(-log_q.exp().sum(-1).clamp(max=1 - 1e-7)).unsqueeze(-1)
    log_p, log_q = torch.cat([log_p, rest_p], -1), torch.cat([log_q, rest_q], -1)
    return (log_p.exp() * (log_p - log_q)).sum() / student.shape[0]


def median(run, seconds=1.5):
    run()
    run()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    ours = sys.argv[1]
    torch.set_num_threads(THREADS)
    print("| classes | k | torch / ours | torch.compile / ours | the same with the gradient |  |")
    print("|--:|--:|--:|--:|--:|--:|")
    for classes in [32_000, 128_000]:
        for named in [1, 16, 64, 256]:
            rows = NUMBERS // classes
            # Compiled anew: after eight shapes torch would no longer compile.
            torch._dynamo.reset()
            compiled = torch.compile(composition, dynamic=False)
            torch.manual_seed(1)
            teacher = 8 * (2 * torch.rand(rows, classes) - 1)
            student = teacher + 2 * (2 * torch.rand(rows, classes) - 1)
            log_p, indices = F.log_softmax(teacher, -1).topk(named)
            leaf = student.clone().requires_grad_()

            def gradient(way):
                leaf.grad = None
                way(leaf, indices, log_p).backward()

            ways = [
                lambda: composition(student, indices, log_p),
                lambda: compiled(student, indices, log_p),
                lambda: gradient(composition),
                lambda: gradient(compiled),
            ]
            turns = []
            for _ in range(3):
                torch_times = [median(way) for way in ways]
                out = subprocess.run(
                    [ours, "--json", str(classes), str(named)],
                    capture_output=True, check=True, text=True,
                    env={"RAYON_NUM_THREADS": str(THREADS)},
                ).stdout
                value, both = json.loads(out)
                turns.append([torch_times[0] / value, torch_times[1] / value,
                              torch_times[2] / both, torch_times[3] / both])
            cells = [f"{statistics.median(column):.1f}" for column in zip(*turns)]
            print(f"| {classes} | {named} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
