//! The minimal lower layer protocol (MLLP release 1): `<VT> message <FS><CR>`, whatever pieces the network makes of it.

/// Start of a block.
const START: u8 = 0x0b;
/// End of a block, before the carriage return.
const END: u8 = 0x1c;
/// What follows the end of a block.
const RETURN: u8 = 0x0d;

/// A message as one block.
#[must_use]
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(message.len() + 3);
    block.push(START);
    block.extend_from_slice(message);
    block.extend_from_slice(&[END, RETURN]);
    block
}

/// What was found in the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message.
    Frame(Vec<u8>),
    /// So many bytes that belong to no block, or to one that broke off: passed over.
    Garbage(usize),
    /// A message larger than is allowed: the rest of its block is passed over.
    TooLarge,
}

/// Finds blocks in a stream of bytes; holds no more than the size limit and one read.
///
/// A block is whole at its `<FS>`; a `<CR>` that is missing behind it harms nobody. A new `<VT>` within a block means
/// that the one before broke off.
#[derive(Debug)]
pub struct Frames {
    limit: usize,
    waiting: Vec<u8>,
    within: bool,
    /// The block that is being read is too large.
    skipping: bool,
    garbage: usize,
    after_end: bool,
    found: std::collections::VecDeque<Event>,
}

impl Frames {
    /// Frames of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            waiting: Vec::new(),
            within: false,
            skipping: false,
            garbage: 0,
            after_end: false,
            found: std::collections::VecDeque::new(),
        }
    }

    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let stop = rest.iter().position(|byte| *byte == START || (self.within && *byte == END));
            let (plain, further) = rest.split_at(stop.unwrap_or(rest.len()));
            self.plain(plain);
            rest = further;
            if let Some((mark, further)) = rest.split_first() {
                if *mark == START {
                    self.begin()
                } else {
                    self.end()
                }
                rest = further;
            }
        }
        self.tell_garbage();
    }

    /// What has been found, in order.
    pub fn next_event(&mut self) -> Option<Event> {
        self.found.pop_front()
    }

    /// Whether a block has begun and not ended.
    #[must_use]
    pub const fn is_within(&self) -> bool {
        self.within
    }

    fn plain(&mut self, bytes: &[u8]) {
        let Some((first, _)) = bytes.split_first() else { return };
        if !self.within {
            // The carriage return behind a block belongs to it.
            self.garbage += bytes.len() - usize::from(self.after_end && *first == RETURN);
            self.after_end = false;
        } else if self.skipping || self.waiting.len() + bytes.len() > self.limit {
            self.skipping = true;
            self.waiting = Vec::new();
        } else {
            self.waiting.extend_from_slice(bytes);
        }
    }

    fn begin(&mut self) {
        if self.within {
            self.garbage += self.waiting.len() + 1;
        }
        self.tell_garbage();
        self.waiting = Vec::new();
        (self.within, self.skipping, self.after_end) = (true, false, false);
    }

    fn end(&mut self) {
        let whole = std::mem::take(&mut self.waiting);
        self.found.push_back(if self.skipping { Event::TooLarge } else { Event::Frame(whole) });
        (self.within, self.skipping, self.after_end) = (false, false, true);
    }

    fn tell_garbage(&mut self) {
        match std::mem::take(&mut self.garbage) {
            0 => {}
            count => self.found.push_back(Event::Garbage(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&[u8]], limit: usize) -> Vec<Event> {
        let mut frames = Frames::new(limit);
        for chunk in chunks {
            frames.push(chunk);
        }
        std::iter::from_fn(|| frames.next_event()).collect()
    }

    fn frame(text: &str) -> Event {
        Event::Frame(text.as_bytes().to_vec())
    }

    #[test]
    fn several_blocks_in_one_read_and_one_block_in_several_reads() {
        let check =
            |chunks: &[&[u8]], expected: &[Event]| assert_eq!(read(chunks, 100), expected, "{chunks:?}");
        check(&[b"\x0bA\x1c\r\x0bB\x1c\r"], &[frame("A"), frame("B")]);
        check(&[b"\x0bA", b"B\x1c", b"\r", b"\x0bC\x1c\r"], &[frame("AB"), frame("C")]);
        check(&[b"\x0bA\x1c\x0bB\x1c"], &[frame("A"), frame("B")]);
        check(&[b"\x0bA"], &[]);
    }

    #[test]
    fn garbage_is_counted_and_passed_over() {
        let check =
            |chunks: &[&[u8]], expected: &[Event]| assert_eq!(read(chunks, 100), expected, "{chunks:?}");
        check(
            &[b"hello\x0bA\x1c\r\nx\x0bB\x1c\r"],
            &[Event::Garbage(5), frame("A"), Event::Garbage(2), frame("B")],
        );
        check(&[b"\x0bhalf\x0bA\x1c\r"], &[Event::Garbage(5), frame("A")]);
        check(&[b"\x1c\r"], &[Event::Garbage(2)]);
    }

    #[test]
    fn a_block_over_the_limit_is_told_and_the_next_one_is_read() {
        let mut frames = Frames::new(4);
        for _ in 0..1000 {
            frames.push(b"\x0b12345678");
            frames.push(b"901234567890");
        }
        assert!(frames.waiting.capacity() < 100, "nothing is kept of it");
        frames.push(b"\x1c\r\x0bABCD\x1c\r");
        let found: Vec<Event> = std::iter::from_fn(|| frames.next_event()).collect();
        assert_eq!(found[found.len() - 2..], [Event::TooLarge, frame("ABCD")]);
    }

    proptest! {
        #[test]
        fn blocks_survive_any_chunking(
            messages in vec(vec(0x20_u8..=0xff, 0..40), 0..6),
            cuts in vec(1_usize..17, 1..40),
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
            let mut frames = Frames::new(64);
            let (mut rest, mut cuts) = (stream.as_slice(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (chunk, further) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                frames.push(chunk);
                rest = further;
            }
            let found: Vec<Event> = std::iter::from_fn(|| frames.next_event()).collect();
            prop_assert_eq!(found, messages.into_iter().map(Event::Frame).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_end_in_bounded_memory(chunks in vec(vec(any::<u8>(), 0..64), 0..64)) {
            let mut frames = Frames::new(32);
            for chunk in &chunks {
                frames.push(chunk);
                prop_assert!(frames.waiting.len() <= 32);
                while frames.next_event().is_some() {}
            }
        }
    }
}
