//! A process that dies at one place after the other: a step that is polled so often and then dropped.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use tokio::sync::Notify;

/// Tells when a future has something to go on with.
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// Begins the step again and again; each time it dies at the next place where it waits, until it comes to its end. What it
/// has asked the store for goes on without it. How often it died, and what the last one answered.
pub(crate) async fn at_every_wait<F: Future>(mut step: impl FnMut() -> F) -> (usize, F::Output) {
    for deaths in 0..2_000 {
        let mut step = pin!(step());
        let woken = Arc::new(Woken(Notify::new()));
        let waker = Waker::from(Arc::clone(&woken));
        for _ in 0..=deaths {
            if let std::task::Poll::Ready(answer) = step.as_mut().poll(&mut Context::from_waker(&waker)) {
                return (deaths, answer);
            }
            woken.0.notified().await;
        }
    }
    panic!("it never ended");
}

/// Begins the step, has something else happen at the place where it waits after so many others, and lets it go on to its end.
/// What it answered, and whether it ended before anything else happened.
pub(crate) async fn meanwhile<F: Future>(waits: usize, step: F, other: impl Future) -> (F::Output, bool) {
    let mut step = pin!(step);
    let woken = Arc::new(Woken(Notify::new()));
    let waker = Waker::from(Arc::clone(&woken));
    for _ in 0..=waits {
        if let std::task::Poll::Ready(answer) = step.as_mut().poll(&mut Context::from_waker(&waker)) {
            other.await;
            return (answer, true);
        }
        woken.0.notified().await;
    }
    other.await;
    (step.await, false)
}
