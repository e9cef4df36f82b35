//! Lists without duplicates, shared by whoever has the same.

use std::collections::HashSet;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

/// A list without duplicates. Copies share it until one of them gets more.
#[derive(Clone)]
pub(crate) struct Unique<T> {
    list: Arc<List<T>>,
}

#[derive(Clone)]
struct List<T> {
    items: Vec<T>,
    seen: HashSet<T>,
}

impl<T> Default for Unique<T> {
    fn default() -> Self {
        Self { list: Arc::new(List { items: Vec::new(), seen: HashSet::new() }) }
    }
}

impl<T> Deref for Unique<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.list.items
    }
}

impl<T> Unique<T> {
    /// Whether both share one list.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.list, &other.list) || self.is_empty() && other.is_empty()
    }
}

impl<T: PartialEq> PartialEq for Unique<T> {
    fn eq(&self, other: &Self) -> bool {
        self.is(other) || **self == **other
    }
}

impl<T: Clone + Eq + Hash> Unique<T> {
    pub(crate) fn add(&mut self, item: &T) {
        if !self.list.seen.contains(item) {
            let list = Arc::make_mut(&mut self.list);
            list.seen.insert(item.clone());
            list.items.push(item.clone());
        }
    }

    /// Takes another list, too. Shares it where there was none.
    pub(crate) fn add_all(&mut self, other: &Self) {
        if self.is_empty() {
            *self = other.clone();
        } else if !self.is(other) {
            other.iter().for_each(|item| self.add(item));
        }
    }
}
