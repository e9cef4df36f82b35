//! Paths from an end entity to a trust anchor, where the trust store is plain data.

mod crls;
mod graph;
mod name_constraints;
mod search;
mod signatures;
mod validate;

pub(crate) use search::Search;
