//! The thread-local mailbox through which OpenSSL's `SSL` and the Python object of a connection get
//! the same [`Connection`]: `_ssl` gives no way to pass anything along.
//!
//! ```text
//!  Python: `_wrap_socket`, `_wrap_bio`     this thread      OpenSSL, within the same call
//!
//!  begin_connection() ────── leave ──────▶    NEXT
//!  ssl's own `_wrap_…`                          └── take ──▶ on_connection: a new SSL keeps it
//!  end_connection() ──────── take ───────▶   (empty)
//!
//!  Connection ◀──────────── one and the same object ────────────▶ on_verify, in any thread
//!  .verified, .failure                                            keeps the verdict in it
//! ```

use std::cell::RefCell;
use std::sync::Arc;

use pyo3::prelude::*;

use crate::connection::Connection;

thread_local! {
    /// The connection that the next `SSL` of this thread is for. Set and taken within one call
    /// of Python's `_wrap_socket` or `_wrap_bio`, so no other library's connection can take it.
    static NEXT: RefCell<Option<Arc<Connection>>> = const { RefCell::new(None) };
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
