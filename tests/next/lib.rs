//! Only the tests and the example count.
