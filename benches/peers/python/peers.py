"""The peers in Python, on the data of the Rust side.

    peers.py DATA --library torch --axis 1 --threads 2 --jobs batchmean logits

DATA holds input.npy, probabilities.npy and log_probabilities.npy, whose precision all compute in. Prints a line of
JSON for each job of each contender: medians, the loss, and where its array was written. Whether it is right is judged
by the reader.
"""

import argparse
import json
import os
import sys
import time

FULL = {"budget": 0.15, "least": 5, "most": 101}
QUICK = {"budget": 0.0, "least": 1, "most": 1}
SAMPLE = 50e-6  # Shorter work is repeated until it takes so long.
WARMED_UP = 20e-3  # What fits a cache finds it as its last run left it.
TEMPERATURE = 2.0


def torch_jobs(x, p, log_p, axis, threads):
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    x, p, log_p = (torch.from_numpy(array) for array in (x, p, log_p))
    leaf = x.clone().requires_grad_()

    def batchmean(x, p):
        return F.kl_div(x, p, reduction="batchmean")

    def batchmean_log(x, log_p):
        return F.kl_div(x, log_p, reduction="batchmean", log_target=True)

    def pointwise(x, p):
        return F.kl_div(x, p, reduction="none")

    def logits(student, teacher):
        log_q = F.log_softmax(student / TEMPERATURE, dim=axis)
        log_p = F.log_softmax(teacher / TEMPERATURE, dim=axis)
        return F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)

    def with_gradient(loss):
        def run(student, teacher):
            student.grad = None
            value = loss(student, teacher)
            value.backward()
            return value.detach(), student.grad

        return run

    jobs = {
        "batchmean": (batchmean, (x, p)),
        "batchmean-log": (batchmean_log, (x, log_p)),
        "pointwise": (pointwise, (x, p)),
        "logits": (logits, (x, log_p)),
        "logits-gradient": (logits, (leaf, log_p)),
    }
    for job, (function, operands) in jobs.items():
        ways = {"torch": function, "torch.compile": torch.compile(function, dynamic=False)}
        if job == "logits-gradient":
            ways = {name: with_gradient(way) for name, way in ways.items()}
        yield job, {name: (lambda way=way: way(*operands)) for name, way in ways.items()}


def jax_jobs(x, p, log_p, axis, threads):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", x.dtype == "float64")
    x, p, log_p = (jnp.asarray(array) for array in (x, p, log_p))
    rows = x.shape[0]

    def pointwise(x, p):
        return p * (jnp.where(p == 0, 0, jnp.log(p)) - x)

    def log_terms(x, log_p):
        return jnp.exp(log_p) * (log_p - x)

    def logits(student, teacher):
        log_q = jax.nn.log_softmax(student / TEMPERATURE, axis=axis)
        log_p = jax.nn.log_softmax(teacher / TEMPERATURE, axis=axis)
        return log_terms(log_q, log_p).sum() / rows

    jobs = {
        "batchmean": (lambda x, p: pointwise(x, p).sum() / rows, p),
        "batchmean-log": (lambda x, log_p: log_terms(x, log_p).sum() / rows, log_p),
        "pointwise": (pointwise, p),
        "logits": (logits, log_p),
        "logits-gradient": (jax.value_and_grad(logits), log_p),
    }
    for job, (function, target) in jobs.items():
        compiled = jax.jit(function)
        yield job, {"jax.jit": lambda: jax.block_until_ready(compiled(x, target))}


def scipy_jobs(x, p, log_p, axis, threads):
    import numpy as np
    from scipy.special import rel_entr

    q = np.exp(x)  # It takes no log-probabilities; this is not timed.
    yield "batchmean", {"scipy rel_entr": lambda: rel_entr(p, q).sum() / len(p)}
    yield "pointwise", {"scipy rel_entr": lambda: rel_entr(p, q)}


LIBRARIES = {"torch": torch_jobs, "jax": jax_jobs, "scipy": scipy_jobs}


def compiled(ways, job):
    """Those who run, run once."""
    running = {}
    for name, run in ways.items():
        try:
            run()
            run()
            running[name] = run
        except Exception as error:  # As torch.compile without a C++ compiler.
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            print(json.dumps({"skipped": f"{name}, {job}: {reason}"}), flush=True)
    return running


def seconds_of(run, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


def in_turn(ways, effort):
    """Seconds of each: samples, in rounds."""
    once = {name: seconds_of(run, 1) for name, run in ways.items()}
    repeats = {name: int(SAMPLE / seconds) + 1 for name, seconds in once.items()}
    samples = {name: [] for name in ways}
    spent = dict.fromkeys(ways, 0.0)
    while True:
        wanting = [
            name
            for name, taken in samples.items()
            if len(taken) < effort["least"]
            or (len(taken) < effort["most"] and spent[name] < effort["budget"])
        ]
        if not wanting:
            return samples
        for name in wanting:
            start = time.perf_counter()
            if once[name] < WARMED_UP:
                ways[name]()
            samples[name].append(seconds_of(ways[name], repeats[name]))
            spent[name] += time.perf_counter() - start


def summary(samples):
    samples = sorted(samples)
    at = lambda part: samples[round(part * (len(samples) - 1))]
    return {"median": at(0.5), "quartiles": [at(0.25), at(0.75)]}


def answer(found, path):
    """The loss, and where the array was written."""
    import numpy as np

    parts = found if isinstance(found, tuple) else (found,)
    value = array = None
    for part in map(np.asarray, parts):
        if part.ndim == 0:
            value = float(part)
        else:
            np.save(path, part)
            array = path
    return {"value": value, "array": array}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--library", choices=LIBRARIES, required=True)
    parser.add_argument("--axis", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--jobs", nargs="+", required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    # Before anything that starts threads is imported.
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(options.threads)
    os.environ["JAX_PLATFORMS"] = "cpu"
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[: options.threads])

    try:
        import numpy as np

        module = __import__(options.library)
    except ImportError as error:
        how = "get it with `pip install -r benches/peers/python/requirements.txt`"
        print(json.dumps({"skipped": f"{options.library}: {error}; {how}"}))
        return
    python = ".".join(map(str, sys.version_info[:3]))
    versions = [f"Python {python}", f"{options.library} {module.__version__}"]
    print(json.dumps({"versions": versions}))

    names = ("input", "probabilities", "log_probabilities")
    operands = [np.load(os.path.join(options.data, f"{name}.npy")) for name in names]
    effort = QUICK if options.quick else FULL
    jobs = LIBRARIES[options.library](*operands, options.axis, options.threads)
    for job, ways in jobs:
        if job not in options.jobs:
            continue
        ways = compiled(ways, job)
        samples = in_turn(ways, effort)
        for name, run in ways.items():
            file = f"{name.replace(' ', '-')}-{job}.npy"
            found = answer(run(), os.path.join(options.data, file))
            line = {"contender": name, "job": job, "seconds": summary(samples[name]), **found}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
