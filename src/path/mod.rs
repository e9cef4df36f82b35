//! Paths from an end entity to a trust anchor, where the trust store is plain data.

mod search;
mod validate;

pub(crate) use search::Search;
