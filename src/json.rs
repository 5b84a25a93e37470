//! JSON values (RFC 8259) as this crate holds resources: members in the order they came in, numbers with their text
//! (`1.10` stays `1.10`, <https://hl7.org/fhir/R4/json.html#primitive>), and names of elements that cost nothing.
//!
//! `serde_json` reads and writes the text. Its own value hashes and allocates the name of each member; a submission makes,
//! reads, looks through and lets go of some thousands. Here an object is a list that is looked through, which is faster for
//! what FHIR has (a dozen members), and the names of R4 are borrowed from a table ([`known`]). What is static in the program
//! (names, codes, systems written with [`json!`](crate::json::json)) is borrowed too. Names and methods are those of
//! `serde_json::Value`.

mod convert;
mod equal;
mod index;
mod list;
mod map;
mod name;
mod picked;
mod read;
mod text;
mod value;
mod write;

pub use list::List;
pub use map::{Entry, Map};
pub use name::known;
pub(crate) use picked::{Picks, read_picked};
pub(crate) use read::{NUMBER, Name};
pub use text::Text;
pub use value::{Number, Value};
pub use write::{bytes, write, write_members, write_name, write_text};

pub use crate::__json as json;
#[doc(hidden)]
pub use convert::{ToJson, literal};

/// A [`Value`] as it is written: `json!({"status": "final", "code": code, "note": [{"text": text}]})`.
///
/// What is no literal is taken by reference and copied. A name is a literal, or a variable or an expression in
/// parentheses, which is copied.
#[doc(hidden)]
#[macro_export]
macro_rules! __json {
    (null) => { $crate::json::Value::Null };
    ([ $($elements:tt)* ]) => { $crate::__json_elements!([] $($elements)*) };
    ({}) => { $crate::json::Value::Object($crate::json::Map::new()) };
    ({ $($members:tt)* }) => {{
        let mut members = $crate::json::Map::new();
        $crate::__json_members!(members $($members)*);
        $crate::json::Value::Object(members)
    }};
    ($literal:literal) => { $crate::json::literal($literal) };
    ($value:expr) => { $crate::json::ToJson::to_json(&$value) };
}

/// The members of an object, one after the other.
#[doc(hidden)]
#[macro_export]
macro_rules! __json_members {
    ($to:ident) => {};
    ($to:ident $name:tt : null $(, $($rest:tt)*)?) => { $crate::__json_members!(@ $to $name (null) $($($rest)*)?) };
    ($to:ident $name:tt : [ $($of:tt)* ] $(, $($rest:tt)*)?) => {
        $crate::__json_members!(@ $to $name ([ $($of)* ]) $($($rest)*)?)
    };
    ($to:ident $name:tt : { $($of:tt)* } $(, $($rest:tt)*)?) => {
        $crate::__json_members!(@ $to $name ({ $($of)* }) $($($rest)*)?)
    };
    ($to:ident $name:tt : $value:literal $(, $($rest:tt)*)?) => {
        $crate::__json_members!(@ $to $name ($value) $($($rest)*)?)
    };
    ($to:ident $name:tt : $value:expr $(, $($rest:tt)*)?) => {
        $crate::__json_members!(@ $to $name ($value) $($($rest)*)?)
    };
    (@ $to:ident $name:literal ($($value:tt)*) $($rest:tt)*) => {
        $to.insert($name, $crate::__json!($($value)*));
        $crate::__json_members!($to $($rest)*);
    };
    (@ $to:ident $name:tt ($($value:tt)*) $($rest:tt)*) => {
        $to.insert(String::from($name), $crate::__json!($($value)*));
        $crate::__json_members!($to $($rest)*);
    };
}

/// The elements of an array, one after the other.
#[doc(hidden)]
#[macro_export]
macro_rules! __json_elements {
    ([$($done:expr,)*]) => { $crate::json::Value::Array(vec![$($done,)*].into()) };
    ([$($done:expr,)*] null $(, $($rest:tt)*)?) => {
        $crate::__json_elements!([$($done,)* $crate::json::Value::Null,] $($($rest)*)?)
    };
    ([$($done:expr,)*] [ $($of:tt)* ] $(, $($rest:tt)*)?) => {
        $crate::__json_elements!([$($done,)* $crate::__json!([ $($of)* ]),] $($($rest)*)?)
    };
    ([$($done:expr,)*] { $($of:tt)* } $(, $($rest:tt)*)?) => {
        $crate::__json_elements!([$($done,)* $crate::__json!({ $($of)* }),] $($($rest)*)?)
    };
    ([$($done:expr,)*] $value:literal $(, $($rest:tt)*)?) => {
        $crate::__json_elements!([$($done,)* $crate::__json!($value),] $($($rest)*)?)
    };
    ([$($done:expr,)*] $value:expr $(, $($rest:tt)*)?) => {
        $crate::__json_elements!([$($done,)* $crate::__json!($value),] $($($rest)*)?)
    };
}

#[cfg(test)]
mod tests;
