//! Only the test counts: `tests/libraries.rs`.
