//! The members of an object, in the order they were given.

use super::list::List;
use super::text::Text;
use super::value::Value;

/// The members of an object: few, each name once, in order. To look for one is to look through them; two are equal when
/// they have the same members in any order.
#[derive(Debug, Clone, Default)]
pub struct Map(List<(Text, Value)>);

/// The place of a name in an object.
pub enum Entry<'a> {
    /// There is a member of that name.
    Occupied(&'a mut Value),
    /// There is none yet.
    Vacant(&'a mut Map, Text),
}

impl Map {
    /// Without members.
    #[must_use]
    pub const fn new() -> Self {
        Self(List::new())
    }

    /// Without members, with room for so many.
    #[must_use]
    pub fn with_capacity(members: usize) -> Self {
        Self(Vec::with_capacity(members).into())
    }

    /// These members; the caller knows that no name stands there twice.
    pub(crate) fn of_members(members: Vec<(Text, Value)>) -> Self {
        debug_assert!((1..members.len()).all(|n| members[..n].iter().all(|(name, _)| *name != members[n].0)));
        Self(members.into())
    }

    /// The same members, so that copies are counted.
    pub(super) fn shared(self) -> Self {
        Self(self.0.shared())
    }

    /// Whether both have one list of members together.
    pub(super) fn is_held_with(&self, other: &Self) -> bool {
        std::ptr::eq::<Vec<_>>(&*self.0, &*other.0)
    }

    /// How many members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(known, _)| known == name)
    }

    /// The member of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The member of that name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Whether there is a member of that name.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Puts a member in its place, or behind the others; answers what was there.
    pub fn insert(&mut self, name: impl Into<Text>, value: Value) -> Option<Value> {
        let name = name.into();
        match self.get_mut(&name) {
            Some(there) => Some(std::mem::replace(there, value)),
            None => {
                self.0.push((name, value));
                None
            }
        }
    }

    /// Puts a member behind the others without looking whether its name is there: the caller knows that it is not.
    pub(crate) fn append_new(&mut self, name: Text, value: Value) {
        debug_assert!(!self.contains_key(&name), "{name} is there already");
        self.0.push((name, value));
    }

    /// Puts a member at that place, counted without it, or behind the others; it is taken from where it was.
    pub fn insert_at(&mut self, place: usize, name: impl Into<Text>, value: Value) {
        let name = name.into();
        self.remove(&name);
        let place = place.min(self.0.len());
        self.0.insert(place, (name, value));
    }

    /// Puts a member at that place, before which there are as many: the caller knows that its name is not there.
    pub(crate) fn insert_new_at(&mut self, place: usize, name: &'static str, value: Value) {
        debug_assert!(!self.contains_key(name), "{name} is there already");
        let place = place.min(self.0.len());
        self.0.insert(place, (Text::Borrowed(name), value));
    }

    /// Takes a member out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.position(name).map(|place| self.0.remove(place).1)
    }

    /// The place of a name.
    pub fn entry(&mut self, name: impl Into<Text>) -> Entry<'_> {
        let name = name.into();
        match self.position(&name) {
            Some(place) => Entry::Occupied(&mut self.0[place].1),
            None => Entry::Vacant(self, name),
        }
    }

    /// Keeps the members for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &mut Value) -> bool) {
        self.0.retain_mut(|(name, value)| keep(name, value));
    }

    /// Names and values.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Value)> + ExactSizeIterator + Clone {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Names as they are kept, to be copied with their values: what is borrowed stays so.
    pub fn members(&self) -> impl DoubleEndedIterator<Item = (&Text, &Value)> + ExactSizeIterator + Clone {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// Names and values, these to be changed.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&str, &mut Value)> + ExactSizeIterator {
        self.0.iter_mut().map(|(name, value)| (&**name, value))
    }

    /// Names.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator + Clone {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// Values.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    /// Values, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Value> + ExactSizeIterator {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Values, without their names.
    pub fn into_values(self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator {
        self.0.into_iter().map(|(_, value)| value)
    }
}

impl<'a> Entry<'a> {
    /// What is there, or this.
    pub fn or_insert(self, value: Value) -> &'a mut Value {
        self.or_insert_with(|| value)
    }

    /// What is there, or what this makes.
    pub fn or_insert_with(self, make: impl FnOnce() -> Value) -> &'a mut Value {
        match self {
            Self::Occupied(value) => value,
            Self::Vacant(Map(members), name) => &mut members.push_mut((name, make())).1,
        }
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        // Mostly in the same order; each name stands once, so that as many found are all.
        self.len() == other.len()
            && self.0.iter().zip(&*other.0).all(|((name, value), (other_name, other_value))| {
                if name == other_name { value == other_value } else { other.get(name) == Some(value) }
            })
    }
}

impl Eq for Map {}

impl IntoIterator for Map {
    type Item = (Text, Value);
    type IntoIter = std::vec::IntoIter<(Text, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a mut Map {
    type Item = (&'a str, &'a mut Value);
    type IntoIter = std::iter::Map<
        std::slice::IterMut<'a, (Text, Value)>,
        fn(&'a mut (Text, Value)) -> (&'a str, &'a mut Value),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut().map(|(name, value)| (&**name, value))
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a str, &'a Value);
    type IntoIter =
        std::iter::Map<std::slice::Iter<'a, (Text, Value)>, fn(&'a (Text, Value)) -> (&'a str, &'a Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

impl<N: Into<Text>, V: Into<Value>> Extend<(N, V)> for Map {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, members: I) {
        for (name, value) in members {
            self.insert(name, value.into());
        }
    }
}

impl<N: Into<Text>, V: Into<Value>> FromIterator<(N, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(members: I) -> Self {
        let members = members.into_iter();
        let mut map = Self::with_capacity(members.size_hint().0);
        map.extend(members);
        map
    }
}
