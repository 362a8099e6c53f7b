//! The bars, and how each is read from a run.

use kldiv::Divergence;

use super::{Goals, Reached, Run};
use crate::job::{Job, OTHERS};
use crate::python::PEERS;
use crate::record::Comparison;
use crate::rivals::OURS;
use crate::rivals::ours::REUSED;

const ALL: [&str; 6] = ["tiny", "cifar", "many", "imagenet", "vocab", "segment"];
/// Where the roofline is that of memory.
const LARGE: [&str; 4] = ["many", "imagenet", "vocab", "segment"];
const BATCH_MEANS: [Job; 2] = [Job::Probability, Job::LogTarget(Divergence::Forward)];
/// Of the roofline, of batch means.
const SHARES: [(&str, f64); 4] =
    [("many", 0.6), ("imagenet", 0.45), ("vocab", 0.9), ("segment", 0.6)];

/// Whom to be faster than.
#[derive(Clone, Copy)]
struct Others {
    name: &'static str,
    are: fn(&str) -> bool,
}

const ANY: Others = Others { name: "the best of all others", are: |_| true };
const BY_HAND: Others =
    Others { name: "the best loop by hand", are: |name| name.starts_with("ndarray, ") };
const PYTHON: Others = Others { name: "the best in Python", are: |name| PEERS.contains(&name) };
const COMPILED: Others = Others { name: "torch.compile", are: |name| name == "torch.compile" };
const JAX: Others = Others { name: "jax", are: |name| name == "jax.jit" };
const NUMKONG: Others = Others { name: "NumKong", are: |name| name.starts_with("NumKong") };

impl Goals {
    pub fn all(&mut self) {
        for job in BATCH_MEANS {
            self.of_the_roofline(job, OURS, SHARES);
            self.large(job);
            self.small(job);
        }
        self.of_the_roofline(Job::Pointwise, REUSED, LARGE.map(|shape| (shape, 0.9)));
        for shape in ALL {
            self.ahead(Job::Logits(Divergence::Forward), shape, 2.0, OURS, ANY);
        }
        for shape in ALL {
            self.ahead(Job::LogitsGradient(Divergence::Forward), shape, 3.0, REUSED, ANY);
        }
        self.others();
        self.double();
        self.halves("f16", |run| &run.f16);
        self.halves("bf16", |run| &run.bf16);
        self.threads();
    }

    fn of_the_roofline(&mut self, job: Job, ours: &str, bars: [(&'static str, f64); 4]) {
        for (shape, bar) in bars {
            let line = format!("{}, {shape}", named(job, ours));
            self.ratio(line, bar, "of the roofline", |run| {
                run.single.of_the_roofline(shape, job, ours)
            });
        }
    }

    fn ahead(&mut self, job: Job, shape: &str, bar: f64, ours: &str, others: Others) {
        let (line, unit) = (format!("{}, {shape}", named(job, ours)), format!("× {}", others.name));
        self.ratio(line, bar, &unit, |run| run.single.times_as_long(shape, job, ours, others));
    }

    /// [`ahead`](Self::ahead) on some shapes, in one line.
    fn all_ahead(
        &mut self,
        job: Job,
        shapes: &[&'static str],
        bar: f64,
        ours: &str,
        others: Others,
    ) {
        let unit = format!("× {}", others.name);
        self.least(named(job, ours), (bar, &unit), shapes, |run, shape| {
            run.single.times_as_long(shape, job, ours, others)
        });
    }

    /// The divergences beside the forward one.
    fn others(&mut self) {
        for divergence in OTHERS {
            let [log_target, logits, gradient] = Job::of(divergence);
            let is_reverse = divergence == Divergence::Reverse;
            if is_reverse {
                self.of_the_roofline(log_target, OURS, SHARES);
                self.all_ahead(log_target, &ALL, 1.0, OURS, COMPILED);
            } else {
                self.all_ahead(log_target, &LARGE, 3.0, OURS, PYTHON);
            }
            self.all_ahead(logits, &ALL, 2.0, OURS, ANY);
            self.all_ahead(gradient, &ALL, if is_reverse { 2.0 } else { 3.0 }, REUSED, ANY);
        }
    }

    fn large(&mut self, job: Job) {
        let with_probabilities = job == Job::Probability; // NumKong takes no others
        for shape in ["imagenet", "vocab"] {
            for others in [COMPILED, JAX].into_iter().chain(with_probabilities.then_some(NUMKONG)) {
                self.ahead(job, shape, 1.0, OURS, others);
            }
        }
        let bar = if with_probabilities { 1.5 } else { 1.0 };
        for shape in ["many", "segment"] {
            self.ahead(job, shape, bar, OURS, COMPILED);
        }
    }

    fn small(&mut self, job: Job) {
        for (shape, most, bar) in [("tiny", 0.5, 10.0), ("cifar", 4.0, 4.0)] {
            let line = format!("{}, {shape}", job.title());
            self.goal(line, &format!("≤ {most} µs"), |run| {
                let row = run.single.row(shape, job, OURS)?;
                Some(Reached::at_most(most, 1e6 * row.seconds.median))
            });
            self.ahead(job, shape, bar, OURS, PYTHON);
        }
        self.all_ahead(job, &ALL, 1.0, OURS, BY_HAND);
    }

    fn double(&mut self) {
        for (job, ours) in
            BATCH_MEANS.map(|job| (job, OURS)).into_iter().chain([(Job::Pointwise, REUSED)])
        {
            let line = format!("{}, `f64`", named(job, ours));
            self.least(line, (0.5, "of the roofline"), &LARGE, |run, shape| {
                run.double.of_the_roofline(shape, job, ours)
            });
        }
        for job in Job::done_in("f64") {
            let line = format!("{}, `f64`", job.title());
            self.least(line, (1.0, &format!("× {}", ANY.name)), &ALL, |run, shape| {
                run.double.times_as_long(shape, job, OURS, ANY)
            });
        }
    }

    fn halves(&mut self, name: &str, half: impl Fn(&Run) -> &Comparison) {
        for job in BATCH_MEANS {
            let line = format!("{}, `{name}`: elements a second", job.title());
            self.least(line, (1.0, "× `f32`'s"), &ALL, |run, shape| {
                let of = |comparison: &Comparison| comparison.of_the_roofline(shape, job, OURS);
                Some(of(half(run))? / of(&run.single)?)
            });
        }
    }

    /// 1.9, or what the roofline gains where that is less. Nothing in one thread.
    fn threads(&mut self) {
        for job in BATCH_MEANS {
            for shape in LARGE {
                let line = format!("{}, {shape}: gain of all threads", job.title());
                self.goal(
                    line,
                    "≥ 1.9, or the roofline's (in brackets) where that is less",
                    |run| {
                        let one = run.one_thread.row(shape, job, OURS)?;
                        let all = run.single.row(shape, job, OURS)?;
                        if one.threads == all.threads {
                            return None;
                        }
                        let roofline = one.roofline.median / all.roofline.median;
                        let gain = one.seconds.median / all.seconds.median;
                        let reached = Reached::at_least(f64::min(1.9, roofline), gain);
                        Some(reached.with(&format!("{roofline:.2}")))
                    },
                );
            }
        }
    }
}

fn named(job: Job, ours: &str) -> String {
    match ours {
        REUSED => job.title().replace(" into a new array", "") + ", into a reused buffer",
        _ => job.title(),
    }
}

impl Comparison {
    fn of_the_roofline(&self, shape: &str, job: Job, contender: &str) -> Option<f64> {
        Some(1.0 / self.row(shape, job, contender)?.multiple())
    }

    /// How many times as long the fastest of the others takes.
    fn times_as_long(&self, shape: &str, job: Job, ours: &str, others: Others) -> Option<f64> {
        Some(self.lead((shape, job), ours, others.are)?.0)
    }
}
