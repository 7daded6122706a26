//! Two things measured in turn, so that a busy machine slows both.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Medians of how long two things take, each done `times` times, in turn.
pub fn in_turn<A, B>(
    times: usize,
    mut ours: impl FnMut() -> A,
    mut floor: impl FnMut() -> B,
) -> (Duration, Duration) {
    let mut all = (Vec::new(), Vec::new());
    for _ in 0..times {
        let began = Instant::now();
        black_box(ours());
        all.0.push(began.elapsed());
        let began = Instant::now();
        black_box(floor());
        all.1.push(began.elapsed());
    }
    all.0.sort_unstable();
    all.1.sort_unstable();
    (all.0[times / 2], all.1[times / 2])
}

/// Prints a line: what, ours, the floor, and their ratio.
pub fn print(what: &str, (ours, floor): (Duration, Duration)) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{what:<44} {:>10.4} ms  floor {:>10.4} ms  ratio {:>6.2}",
        ms(ours),
        ms(floor),
        ours.as_secs_f64() / floor.as_secs_f64()
    );
}
