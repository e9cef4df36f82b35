//! Only the test counts: `providers.rs`.
