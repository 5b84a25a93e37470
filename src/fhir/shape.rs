//! Objects of always the same members: copied from one that is there instead of being put together. A copy hashes no name, and
//! a submission makes thousands of codings, extensions and references.

use serde_json::{Map, Value};

/// The names of the members of an object, in order.
#[derive(Debug)]
pub(crate) struct Shape<const N: usize>(Map<String, Value>);

impl<const N: usize> Shape<N> {
    /// Of these names, which differ from each other.
    pub(crate) fn of(names: [&str; N]) -> Self {
        Self(names.into_iter().map(|name| (name.to_owned(), Value::Null)).collect())
    }

    /// An object with these values, in the order of the names.
    pub(crate) fn filled(&self, values: [Value; N]) -> Value {
        let mut object = self.0.clone();
        object.values_mut().zip(values).for_each(|(member, value)| *member = value);
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_value_stands_under_its_name() {
        let shape = Shape::of(["system", "code"]);
        for code in ["a", "b"] {
            let filled = shape.filled(["s".into(), code.into()]);
            assert_eq!(filled.to_string(), json!({"system": "s", "code": code}).to_string());
            assert_eq!(filled["code"], code);
        }
    }
}
