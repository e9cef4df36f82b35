//! Paths from an end entity to a trust anchor, where the trust store is plain data.

mod search;

pub(crate) use search::Engine;
