//! Benchmarks of the journey.

fn main() {}
