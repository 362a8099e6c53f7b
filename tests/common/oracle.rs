//! The definition, naively, in f64.
