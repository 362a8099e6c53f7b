"""The peers in Python, on the data of the Rust side, which has everybody take turns.

    peers.py DATA --library torch --axis 1 --threads 2

DATA holds input.npy, probabilities.npy and log_probabilities.npy, whose precision all compute in. Prints a line of
JSON, the versions or why the library is skipped; then one for each that it reads, until there are no more:

    ["job", "logits"]            who does it, compiled and run, and who does not and why
    ["time", "torch", 0.03, 5]   seconds of so many runs, right after others that take at least so many seconds
    ["answer", "torch"]          the loss, and where the array was written

Whether it is right is judged by the reader.
"""

import argparse
import functools
import json
import math
import os
import sys
import time
import types

TEMPERATURE = 2.0


def family(kl, mixture):
    """Losses of ln q and ln p, by what stands before the names of their jobs.

    They are composed of kl(log_q, log_p) and mixture(log_p, log_q, α), which is ln(αp + (1−α)q).
    """

    def jensen_shannon(log_q, log_p):
        log_m = mixture(log_p, log_q, 0.5)
        return 0.5 * kl(log_m, log_p) + 0.5 * kl(log_m, log_q)

    return {
        "": kl,
        "reverse-": lambda log_q, log_p: kl(log_p, log_q),
        "jensen-shannon:0.5-": jensen_shannon,
        "skew:0.1-": lambda log_q, log_p: kl(mixture(log_p, log_q, 0.1), log_p),
    }


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

    def mixture(log_a, log_b, weight):
        shifted = (log_a + math.log(weight), log_b + math.log1p(-weight))
        return torch.logsumexp(torch.stack(shifted), dim=0)

    def of_logits(loss):
        def run(student, teacher):
            log_q = F.log_softmax(student / TEMPERATURE, dim=axis)
            log_p = F.log_softmax(teacher / TEMPERATURE, dim=axis)
            return loss(log_q, log_p)

        return run

    def with_gradient(loss):
        def run(student, teacher):
            student.grad = None
            value = loss(student, teacher)
            value.backward()
            return value.detach(), student.grad

        return run

    jobs = {
        "batchmean": (batchmean, (x, p)),
        "pointwise": (pointwise, (x, p)),
    }
    for name, loss in family(batchmean_log, mixture).items():
        jobs[f"{name}batchmean-log"] = loss, (x, log_p)
        jobs[f"{name}logits"] = of_logits(loss), (x, log_p)
        jobs[f"{name}logits-gradient"] = of_logits(loss), (leaf, log_p)

    def compiled_alone(function):
        # Functions of one code object share what was compiled: each call looks through it, and there is a limit to it.
        code = function.__code__.replace()
        alone = types.FunctionType(code, function.__globals__, closure=function.__closure__)
        return torch.compile(alone, dynamic=False)

    for job, (function, operands) in jobs.items():
        ways = {"torch": function, "torch.compile": compiled_alone(function)}
        if job.endswith("logits-gradient"):
            ways = {name: with_gradient(way) for name, way in ways.items()}
        yield job, {name: functools.partial(way, *operands) for name, way in ways.items()}


def jax_jobs(x, p, log_p, axis, threads):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", x.dtype == "float64")
    x, p, log_p = (jnp.asarray(array) for array in (x, p, log_p))
    rows = x.shape[0]

    def pointwise(x, p):
        return p * (jnp.where(p == 0, 0, jnp.log(p)) - x)

    def batchmean_log(x, log_p):
        return (jnp.exp(log_p) * (log_p - x)).sum() / rows

    def mixture(log_a, log_b, weight):
        # Several times as fast as jax.nn.logsumexp of the two stacked.
        return jnp.logaddexp(log_a + math.log(weight), log_b + math.log1p(-weight))

    def of_logits(loss):
        def run(student, teacher):
            log_q = jax.nn.log_softmax(student / TEMPERATURE, axis=axis)
            log_p = jax.nn.log_softmax(teacher / TEMPERATURE, axis=axis)
            return loss(log_q, log_p)

        return run

    jobs = {
        "batchmean": (lambda x, p: pointwise(x, p).sum() / rows, p),
        "pointwise": (pointwise, p),
    }
    for name, loss in family(batchmean_log, mixture).items():
        jobs[f"{name}batchmean-log"] = loss, log_p
        jobs[f"{name}logits"] = of_logits(loss), log_p
        jobs[f"{name}logits-gradient"] = jax.value_and_grad(of_logits(loss)), log_p

    def run(compiled, target):
        return jax.block_until_ready(compiled(x, target))

    for job, (function, target) in jobs.items():
        compiled = jax.jit(function)
        yield job, {"jax.jit": functools.partial(run, compiled, target)}


def scipy_jobs(x, p, log_p, axis, threads):
    import numpy as np
    from scipy.special import rel_entr

    q = np.exp(x)  # It takes no log-probabilities; this is not timed.
    yield "batchmean", {"scipy rel_entr": lambda: rel_entr(p, q).sum() / len(p)}
    yield "pointwise", {"scipy rel_entr": lambda: rel_entr(p, q)}


LIBRARIES = {"torch": torch_jobs, "jax": jax_jobs, "scipy": scipy_jobs}


def compiled(ways):
    """Those who run, run twice, and why the others do not."""
    running, skipped = {}, []
    for name, run in ways.items():
        try:
            run()
            run()
            running[name] = run
        except Exception as error:  # As torch.compile without a C++ compiler.
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            skipped.append(f"{name}: {reason}")
    return running, skipped


def seconds_of(run, warming, repeats):
    start = time.perf_counter()
    while time.perf_counter() - start < warming:
        run()
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return time.perf_counter() - start


def answer(found, path):
    """The loss, and where the array was written."""
    import numpy as np

    parts = found if isinstance(found, tuple) else (found,)
    value = array = None
    for part in map(np.asarray, parts):
        if part.ndim == 0:
            value = float(part) if np.isfinite(part) else None
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
        tell({"skipped": f"{options.library}: {error}; {how}"})
        return
    python = ".".join(map(str, sys.version_info[:3]))
    versions = [f"Python {python}", f"{options.library} {module.__version__}"]
    tell({"versions": versions})

    names = ("input", "probabilities", "log_probabilities")
    operands = [np.load(os.path.join(options.data, f"{name}.npy")) for name in names]
    jobs = dict(LIBRARIES[options.library](*operands, options.axis, options.threads))
    job, running = None, {}
    for line in sys.stdin:
        what, name, *how = json.loads(line)
        if what == "job":
            job = name
            running, skipped = compiled(jobs.get(job, {}))
            tell({"contenders": list(running), "skipped": skipped})
        elif what == "time":
            tell(seconds_of(running[name], *how))
        else:
            file = f"{name.replace(' ', '-')}-{job}.npy"
            tell(answer(running[name](), os.path.join(options.data, file)))


# What libraries print is no answer.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def tell(what):
    print(json.dumps(what), file=ANSWERS, flush=True)


if __name__ == "__main__":
    main()
