//! Works through a list of pieces side by side and notes how long each took.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::figure::percentile;

/// Something that does one piece of work after the other: a connection, or a producer.
pub(crate) trait Lane {
    /// Does the piece with this number; whether it went well.
    async fn one(&mut self, number: usize) -> bool;
}

/// How far to go.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// The first piece.
    pub(crate) first: usize,
    /// One after the last piece.
    pub(crate) end: usize,
    /// No piece is begun later.
    pub(crate) window: Duration,
    /// Pieces begun a second; 0 for as many as there can be.
    pub(crate) rate: f64,
}

/// What was done.
pub(crate) struct Done {
    /// Pieces that went well.
    pub(crate) well: usize,
    /// Pieces that did not.
    pub(crate) badly: usize,
    /// From the first beginning to the last end.
    pub(crate) seconds: f64,
    milliseconds: Vec<f64>,
}

impl Done {
    /// Pieces a second.
    pub(crate) fn rate(&self) -> f64 {
        self.well as f64 / self.seconds
    }

    /// Time of a piece, in milliseconds; with a given rate it counts from when the piece was due.
    pub(crate) fn took(&self, part: f64) -> f64 {
        percentile(&self.milliseconds, part)
    }
}

/// Drives all lanes until the list or the time is at its end.
pub(crate) async fn drive<L: Lane>(lanes: Vec<L>, limits: Limits) -> Done {
    let next = Cell::new(limits.first);
    let badly = Cell::new(0);
    let milliseconds = RefCell::new(Vec::new());
    let start = Instant::now();
    let work = |mut lane: L| {
        let (next, badly, milliseconds) = (&next, &badly, &milliseconds);
        async move {
            loop {
                let number = next.get();
                if number >= limits.end || start.elapsed() >= limits.window {
                    return;
                }
                next.set(number + 1);
                let mut began = Instant::now();
                if limits.rate > 0.0 {
                    began = start + Duration::from_secs_f64((number - limits.first) as f64 / limits.rate);
                    tokio::time::sleep_until(began.into()).await;
                }
                if lane.one(number).await {
                    milliseconds.borrow_mut().push(began.elapsed().as_secs_f64() * 1e3);
                } else {
                    badly.set(badly.get() + 1);
                }
            }
        }
    };
    join_all(lanes.into_iter().map(work)).await;
    let milliseconds = milliseconds.into_inner();
    Done {
        well: milliseconds.len(),
        badly: badly.get(),
        seconds: start.elapsed().as_secs_f64(),
        milliseconds,
    }
}
