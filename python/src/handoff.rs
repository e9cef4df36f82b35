//! The two thread-local mailboxes: how the verify callback and the Python object of a connection
//! find each other. `_ssl` gives no way to pass anything along.
//!
//! ```text
//!  Python, `_wrap_socket`         this thread             OpenSSL, in the same call
//!  begin_connection() ───leave──▶ NEXT ───────take──────▶ on_connection: a new SSL keeps it
//!  end_connection()   ───take───▶ (empty again)
//!        │                                                      │
//!        ▼                                                      ▼
//!     Connection ◀────────── the same object ────────────▶  on_verify: leaves the verdict in it
//!
//!  Python, after the handshake
//!  take_failure()     ◀──take──── REJECTION ◀──remember── on_verify
//! ```

use std::cell::RefCell;
use std::sync::Arc;

use pyo3::prelude::*;

use crate::connection::Connection;
use crate::verdict::Verdict;

thread_local! {
    /// The connection that the next `SSL` of this thread is for. Set and taken within one call
    /// of Python's `_wrap_socket` or `_wrap_bio`, so no other library's connection can take it.
    static NEXT: RefCell<Option<Arc<Connection>>> = const { RefCell::new(None) };

    /// The last verdict of this thread, if it was a rejection.
    static REJECTION: RefCell<Option<Verdict>> = const { RefCell::new(None) };
}

pub(crate) fn leave(connection: Arc<Connection>) {
    NEXT.set(Some(connection));
}

/// Takes what [`leave`] left, if anything.
pub(crate) fn take() -> Option<Arc<Connection>> {
    // A thread that ends, or a callback in the middle of `leave`, has nothing to give.
    NEXT.try_with(|next| next.try_borrow_mut().ok()?.take()).ok().flatten()
}

/// Takes back what `Trust.begin_connection` left and no `SSL` took.
#[pyfunction]
pub(crate) fn end_connection() {
    take();
}

/// As `end_connection`.
#[pyfunction]
pub(crate) fn withdraw() {
    take();
}

pub(crate) fn remember(verdict: Option<Verdict>) {
    REJECTION.set(verdict);
}

pub(crate) fn take_rejection() -> Option<Verdict> {
    REJECTION.take()
}
