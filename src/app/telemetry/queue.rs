//! Lines of the log on their way out: many in one write, in the order in which they came.
//!
//! A line of each answer, written by the thread that answers, is a system call and a lock that all of them wait for, and
//! the disk with them. So a line waits here for [`PAUSE`] at most, or until there are [`MANY`] bytes. What is worth a warning
//! is written before the call returns, with all that came before it; so is everything from [`Queue::end`] on, and what a
//! panic finds. Only a process that is killed takes the lines of its last [`PAUSE`] along.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest that a line waits for others.
const PAUSE: Duration = Duration::from_millis(10);

/// Bytes that do not wait for others any longer.
const MANY: usize = 64 * 1024;

/// Bytes that wait while the disk, or who reads the log, is slow; who brings more waits, too.
const MOST: usize = 1024 * 1024;

/// Bytes of stack: it writes and nothing else, and more might be backed by a page of 2 MiB.
const STACK: usize = 256 * 1024;

/// Lines that wait for their write, and where they are written to.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
    /// Locked before `waiting` by who writes, so that nobody overtakes.
    output: Mutex<Output>,
}

struct Waiting {
    bytes: Vec<u8>,
    /// Nothing waits any more: every line is written as it comes.
    ended: bool,
}

struct Output {
    to: Box<dyn Write + Send>,
    /// Emptied, and changed for what waits.
    spare: Vec<u8>,
}

impl Queue {
    /// Lines go there, by a thread of their own where they are not urgent; without one, each at once.
    pub(super) fn start(to: impl Write + Send + 'static) -> Arc<Self> {
        let queue = Arc::new(Self {
            waiting: Mutex::new(Waiting { bytes: Vec::new(), ended: false }),
            came: Condvar::new(),
            output: Mutex::new(Output { to: Box::new(to), spare: Vec::new() }),
        });
        let of_thread = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .stack_size(STACK)
            .spawn(move || of_thread.write_all());
        if thread.is_err() {
            queue.end();
        }
        queue
    }

    /// Takes a whole line with its end. `at_once`: it has been written when this returns.
    pub(super) fn append(&self, line: &[u8], at_once: bool) {
        let mut waiting = self.waiting();
        let before = waiting.bytes.len();
        waiting.bytes.extend_from_slice(line);
        let now = waiting.bytes.len();
        let writes = at_once || waiting.ended || now >= MOST;
        drop(waiting);
        if writes {
            self.flush();
        } else if before == 0 || (before < MANY && now >= MANY) {
            self.came.notify_one();
        }
    }

    /// Writes what waits. What cannot be written is lost: there is nobody to tell.
    pub(super) fn flush(&self) {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let Output { to, spare } = &mut *output;
        std::mem::swap(spare, &mut self.waiting().bytes);
        let _ = to.write_all(spare).and_then(|()| to.flush());
        spare.clear();
        spare.shrink_to(MANY);
    }

    /// Writes what waits, and from now on each line as it comes; the thread ends.
    pub(super) fn end(&self) {
        self.waiting().ended = true;
        self.came.notify_one();
        self.flush();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self) {
        loop {
            let first = self
                .came
                .wait_while(self.waiting(), |waiting| waiting.bytes.is_empty() && !waiting.ended)
                .unwrap_or_else(PoisonError::into_inner);
            let (waiting, _) = self
                .came
                .wait_timeout_while(first, PAUSE, |waiting| waiting.bytes.len() < MANY && !waiting.ended)
                .unwrap_or_else(PoisonError::into_inner);
            if waiting.ended {
                return;
            }
            drop(waiting);
            self.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Tells each write.
    struct Told(Sender<String>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.send(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn queue() -> (Arc<Queue>, Receiver<String>) {
        let (tell, told) = channel();
        (Queue::start(Told(tell)), told)
    }

    #[test]
    fn a_line_is_written_without_another_that_pushes_it() {
        let (queue, told) = queue();
        queue.append(b"alone\n", false);
        assert_eq!(told.recv_timeout(Duration::from_secs(60)).as_deref(), Ok("alone\n"));
        queue.end();
    }

    #[test]
    fn an_urgent_line_takes_along_what_came_before_it() {
        let (queue, told) = queue();
        queue.append(b"one\n", false);
        queue.append(b"two\n", true);
        assert_eq!(told.try_iter().collect::<String>(), "one\ntwo\n");
        queue.end();
    }

    #[test]
    fn every_line_of_every_thread_is_there_at_the_end_and_in_order() {
        let (queue, told) = queue();
        let line = |thread: usize, n: usize| format!("{thread} {n} {}\n", "x".repeat(n % 200));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let queue = &queue;
                scope.spawn(move || {
                    (0..5_000).for_each(|n| queue.append(line(thread, n).as_bytes(), n % 1_000 == 999));
                });
            }
        });
        queue.end();
        queue.append(b"after the end\n", false);
        let all: String = told.try_iter().collect();
        for thread in 0..4 {
            let own = all.lines().filter(|line| line.starts_with(&format!("{thread} ")));
            assert!(own.eq((0..5_000).map(|n| line(thread, n)).collect::<String>().lines()), "{thread}");
        }
        assert!(all.ends_with("after the end\n"));
    }

    #[test]
    fn who_brings_more_than_may_wait_waits() {
        let (queue, told) = queue();
        let line = [b'x'; 1_000];
        let stuck = queue.output.lock().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..3_000).for_each(|_| queue.append(&line, false)));
            while queue.waiting().bytes.len() < MOST {
                std::thread::yield_now();
            }
            std::thread::sleep(PAUSE);
            let waiting = queue.waiting().bytes.len();
            assert!(waiting < MOST + line.len(), "{waiting}");
            drop(stuck);
        });
        queue.end();
        assert_eq!(told.try_iter().map(|text| text.len()).sum::<usize>(), 3_000 * line.len());
    }
}
