//! The two thread-local mailboxes.

use std::cell::RefCell;
use std::sync::Arc;

use pyo3::prelude::*;

use crate::trust::Set;
use crate::verdict::Rejected;

thread_local! {
    /// What the next connection of this thread is to be judged by. Set and taken within one call
    /// of Python's `_wrap_socket` or `_wrap_bio`, so no other library's connection can take it.
    static OFFER: RefCell<Option<Arc<Set>>> = const { RefCell::new(None) };
}

pub(crate) fn offer(set: Arc<Set>) {
    OFFER.set(Some(set));
}

/// Takes what `Trust.offer` left, if anything.
pub(crate) fn take_offer() -> Option<Arc<Set>> {
    // A thread that ends, or a callback in the middle of `offer`, has nothing to give.
    OFFER.try_with(|offer| offer.try_borrow_mut().ok()?.take()).ok().flatten()
}

/// Takes back what `Trust.offer` left and nobody took.
#[pyfunction]
pub(crate) fn withdraw() {
    take_offer();
}

thread_local! {
    /// The last rejection of this thread. A handshake runs in one C call, and the Python
    /// wrapper takes it right after, in the same thread.
    static REJECTION: RefCell<Option<Rejected>> = const { RefCell::new(None) };
}

pub(crate) fn remember_rejection(rejected: Rejected) {
    REJECTION.set(Some(rejected));
}

pub(crate) fn forget_rejection() {
    REJECTION.set(None);
}

pub(crate) fn take_rejection() -> Option<Rejected> {
    REJECTION.take()
}
