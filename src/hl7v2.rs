//! HL7 v2 in its ER7 form: messages that keep what they do not know, MLLP frames, acknowledgments (HL7 v2.5 and v2.6,
//! chapter 2 and appendix C; MLLP release 1).
//!
//! Pure: bytes in, values out, and back. [`Message::parse`] keeps every segment and field in order and as it was
//! written; text is unescaped when it is read ([`Part::text`]) and escaped when it is set ([`Segment::with`]).
//!
//! ```
//! use vigie::hl7v2::Message;
//! let message = Message::parse(b"MSH|^~\\&|GAM|CHU|||20260309||ADT^A08|7|P|2.5|||||FRA|UNICODE UTF-8\rPID|||42^^^CHU&1.2.250.1.999&ISO^PI\r")?;
//! let number = message.segment("PID").expect("it was just written").field(3);
//! assert_eq!(number.component(4).subcomponent(2).text(), "1.2.250.1.999");
//! # Ok::<(), vigie::problem::Problem>(())
//! ```
//!
//! What never happens here: bytes that cannot be read panic; a separator within a value becomes structure; a control
//! character that ends a segment or a frame is written within one; a value is shown by `Debug`.

mod acknowledgment;
mod charset;
mod control_id;
mod delimiters;
mod escape;
mod header;
mod message;
mod mllp;
mod moment;
mod part;
mod place;
mod segment;
mod value;

pub use acknowledgment::{Acknowledgment, Code, Condition, Fault, acknowledge, code_for};
pub use charset::Charset;
pub use control_id::{control_id, delivery_id};
pub use delimiters::Delimiters;
pub use header::{Header, Party};
pub use message::Message;
pub use mllp::{Event, Frames, framed};
pub use moment::{Moment, timestamp};
pub use part::Part;
pub use place::Place;
pub use segment::Segment;
pub use value::Value;
