//! Placeholder of the rustls adapter.
