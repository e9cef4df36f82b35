//! How many certificates a place of the store has.
//!
//! Tests: `places_that_repeat_each_other_are_counted_each` in `load/tests.rs`.

use std::collections::HashSet;

use super::anchor::AnchorSetBuilder;

/// Counts the distinct certificates of one place, although places may repeat each other's.
pub(super) struct Count {
    /// How many certificates there were before.
    before: usize,
    repeated: HashSet<usize>,
    pub(super) distinct: usize,
}

impl Count {
    pub(super) fn new(anchors: &AnchorSetBuilder) -> Self {
        Self { before: anchors.len(), repeated: HashSet::new(), distinct: 0 }
    }

    /// Takes what [`AnchorSetBuilder::insert`] answers.
    pub(super) fn add(&mut self, inserted: Result<(), usize>) {
        let is_first = match inserted {
            Ok(()) => true,
            Err(known) => known < self.before && self.repeated.insert(known),
        };
        self.distinct += usize::from(is_first);
    }
}
