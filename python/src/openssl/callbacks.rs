//! What OpenSSL calls: to verify a peer's chain, and when its objects are made and freed.
//!
//! See [the module above](super) for what the SAFETY comments rest on.

use std::ffi::{CStr, c_int, c_long, c_void};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::Library;
use super::anchors::OwnedX509;
use super::symbols::{ExData, Ssl, X509, X509StoreCtx};
use crate::connection::{Connection, Handshake, check_security_level};
use crate::handoff;
use crate::trust::Trust;
use crate::verdict::{Rejected, Verdict, X509_V_ERR_OUT_OF_MEM, X509_V_ERR_UNSPECIFIED, X509_V_OK};

/// OpenSSL asks whether the peer's chain is trusted. Runs without the GIL and touches no Python
/// object.
pub(super) unsafe extern "C" fn on_verify(ctx: *mut X509StoreCtx, arg: *mut c_void) -> c_int {
    let Some(library) = Library::get() else { return 0 };
    let symbols = &library.symbols;
    // SAFETY: The callback's context; Signatures.
    let ssl = unsafe { (symbols.X509_STORE_CTX_get_ex_data)(ctx, library.ssl_index) }.cast::<Ssl>();
    if ssl.is_null() || arg.is_null() {
        // SAFETY: The callback's context; Signatures.
        unsafe { (symbols.X509_STORE_CTX_set_error)(ctx, X509_V_ERR_UNSPECIFIED) };
        return 0;
    }
    // SAFETY: The callback's context; Signatures.
    if unsafe { (symbols.SSL_is_server)(ssl) } == 1 {
        // Servers verify their clients as the standard library does.
        // SAFETY: The callback's context; Signatures. This is what libssl does by default.
        return unsafe { (symbols.X509_verify_cert)(ctx) };
    }
    // SAFETY: The callback's context; Signatures.
    if unsafe { (symbols.SSL_get_verify_mode)(ssl) } == 0 {
        return 1; // CERT_NONE
    }
    // SAFETY: The argument.
    let trust = unsafe { &*arg.cast::<Trust>() };
    // SAFETY: The callback's context; Signatures.
    let own = unsafe { (symbols.SSL_get_ex_data)(ssl, library.connection_index) };
    // SAFETY: NULL, or what `on_connection` stored; the `SSL` holds a reference to it.
    let own = unsafe { own.cast::<Connection>().as_ref() };
    // Not every `SSL` is made by the package's own `_wrap_socket` or `_wrap_bio`.
    let other = own.is_none().then(|| Connection::new(trust.current()));
    let Some(connection) = own.or(other.as_ref()) else { return 0 };

    let asked = Asked { library, ctx, ssl };
    // A panic must not cross into C.
    let verdict = catch_unwind(AssertUnwindSafe(|| asked.verify(connection, own.is_some())))
        .unwrap_or_else(|_| Err(Rejected::internal(X509_V_ERR_UNSPECIFIED)));
    asked.report(verdict.as_ref().err());
    let accepted = verdict.is_ok();
    if let Some(verdict) = verdict.transpose() {
        connection.keep(Verdict::from(verdict));
    }
    c_int::from(accepted)
}

/// One call of [`on_verify`] for a client. The pointers are live until it returns.
struct Asked<'a> {
    library: &'a Library,
    ctx: *mut X509StoreCtx,
    ssl: *mut Ssl,
}

impl Asked<'_> {
    /// Reads the handshake, asks the core, and makes the path that it built the verified chain.
    /// `None` if the verdict has to wait for the stapled OCSP response, where it can.
    fn verify(
        &self,
        connection: &Connection,
        can_wait: bool,
    ) -> Result<Option<trustbridge::Verified>, Rejected> {
        let sent = self.sent().ok_or_else(Rejected::unreadable)?;
        let mut handshake = self.handshake(&sent).ok_or_else(Rejected::unreadable)?;
        let mut waits = false;
        if handshake.checks_revocation() && self.library.has_requested_staple(self.ssl) {
            waits = can_wait && self.library.staple_comes_later(self.ssl);
            handshake.staple = self.library.staple(self.ssl);
        }
        let verdict = match waits {
            true => connection.ask_without_revocation(&mut handshake),
            false => connection.ask(&handshake),
        };
        let verified = verdict.inspect_err(|rejected| {
            let at_fault = rejected.depth.and_then(|depth| sent.get(depth)).or(sent.first());
            let at_fault = at_fault.map_or(ptr::null_mut(), |cert| cert.as_ptr());
            // SAFETY: The callback's context; Signatures. NULL is "none"; the certificate is one
            // of those that stay with `ctx`.
            unsafe { (self.library.symbols.X509_STORE_CTX_set_current_cert)(self.ctx, at_fault) };
        })?;

        let mut chain = Vec::with_capacity(verified.chain.len());
        for der in &verified.chain {
            // OpenSSL's own object where the peer sent the certificate: parsing it is dear.
            let known = handshake.chain.iter().zip(&sent).find(|(sent, _)| *sent == der);
            let cert = match known {
                Some((_, cert)) => self.library.share(*cert),
                None => self.library.anchors.get(self.library, der),
            };
            chain.push(cert.ok_or_else(|| Rejected::internal(X509_V_ERR_OUT_OF_MEM))?);
        }
        let level = self.security_level();
        check_security_level(level, chain.iter().map(|cert| self.library.strength(cert)))?;
        self.hand_over(chain)?;
        if waits {
            connection.wait(handshake, level);
            return Ok(None);
        }
        Ok(Some(verified))
    }

    /// What the peer sent, the end entity first.
    fn sent(&self) -> Option<Vec<NonNull<X509>>> {
        let symbols = &self.library.symbols;
        // SAFETY: The callback's context; Signatures.
        let leaf = NonNull::new(unsafe { (symbols.X509_STORE_CTX_get0_cert)(self.ctx) })?;
        // SAFETY: as above.
        let untrusted = unsafe { (symbols.X509_STORE_CTX_get0_untrusted)(self.ctx) };
        // libssl gives the whole list that the peer sent as untrusted, the end entity among them.
        let others = self.library.members(untrusted).into_iter().filter(|cert| *cert != leaf);
        Some([leaf].into_iter().chain(others).collect())
    }

    /// The settings of the handshake. `None` if it cannot be read.
    fn handshake(&self, sent: &[NonNull<X509>]) -> Option<Handshake> {
        let symbols = &self.library.symbols;
        let chain = sent.iter().map(|cert| self.library.der(*cert)).collect::<Option<_>>()?;
        // SAFETY: The callback's context; Signatures.
        let param = unsafe { (symbols.SSL_get0_param)(self.ssl) };
        if param.is_null() {
            return None;
        }
        // SAFETY: Signatures; the parameters belong to the live connection. Index 0 is the
        // first name; NULL means none.
        let host = unsafe { (symbols.X509_VERIFY_PARAM_get0_host)(param, 0) };
        let host = (!host.is_null()).then(|| {
            // SAFETY: a NUL-terminated string that belongs to the parameters; copied at once.
            unsafe { CStr::from_ptr(host) }.to_bytes().to_vec()
        });
        // SAFETY: Signatures; the parameters belong to the live connection.
        let address = unsafe { (symbols.X509_VERIFY_PARAM_get1_ip_asc)(param) };
        let address = if address.is_null() {
            None
        } else {
            // SAFETY: a NUL-terminated string made for the caller.
            let text = unsafe { CStr::from_ptr(address) }.to_string_lossy().into_owned();
            // SAFETY: Signatures; `get1` hands the string over, nothing refers to it any more.
            unsafe { (symbols.CRYPTO_free)(address.cast(), c"trustbridge".as_ptr(), 0) };
            // An address that cannot be read must not look like no address.
            Some(text.parse::<IpAddr>().ok()?)
        };
        Some(Handshake {
            chain,
            host,
            address,
            // SAFETY: Signatures; the parameters belong to the live connection.
            flags: unsafe { (symbols.X509_VERIFY_PARAM_get_flags)(param) },
            // SAFETY: as above.
            host_flags: unsafe { (symbols.X509_VERIFY_PARAM_get_hostflags)(param) },
            staple: Vec::new(),
        })
    }

    /// libssl sets it in the parameters of this verification, not in those of the connection.
    fn security_level(&self) -> c_int {
        let symbols = &self.library.symbols;
        // SAFETY: The callback's context; Signatures.
        let param = unsafe { (symbols.X509_STORE_CTX_get0_param)(self.ctx) };
        // SAFETY: Signatures; the parameters belong to `ctx`, which always has them.
        unsafe { (symbols.X509_VERIFY_PARAM_get_auth_level)(param) }
    }

    /// Makes `chain` the verified chain of the connection.
    fn hand_over(&self, chain: Vec<OwnedX509>) -> Result<(), Rejected> {
        let symbols = &self.library.symbols;
        let out_of_memory = || Rejected::internal(X509_V_ERR_OUT_OF_MEM);
        // SAFETY: Signatures.
        let stack = unsafe { (symbols.OPENSSL_sk_new_null)() };
        if stack.is_null() {
            return Err(out_of_memory());
        }
        for cert in chain {
            // SAFETY: Signatures; the stack takes over one reference if the result is positive.
            let pushed = unsafe { (symbols.OPENSSL_sk_push)(stack, cert.cert.as_ptr().cast()) };
            if pushed <= 0 {
                // SAFETY: Signatures; frees the stack with the references it holds.
                unsafe { (symbols.OPENSSL_sk_pop_free)(stack, symbols.X509_free) };
                return Err(out_of_memory());
            }
            std::mem::forget(cert);
        }
        // SAFETY: The callback's context; Signatures. `ctx` takes the stack over.
        unsafe { (symbols.X509_STORE_CTX_set0_verified_chain)(self.ctx, stack) };
        Ok(())
    }

    /// Tells OpenSSL the error, or that there is none.
    fn report(&self, rejected: Option<&Rejected>) {
        let symbols = &self.library.symbols;
        let code = match rejected {
            None => X509_V_OK,
            // X509_V_OK must never be beside a rejection.
            Some(rejected) if rejected.code == X509_V_OK => X509_V_ERR_UNSPECIFIED,
            Some(rejected) => rejected.code,
        };
        if let Some(rejected) = rejected {
            let depth = rejected.depth.and_then(|depth| c_int::try_from(depth).ok()).unwrap_or(0);
            // SAFETY: The callback's context; Signatures.
            unsafe { (symbols.X509_STORE_CTX_set_error_depth)(self.ctx, depth) };
        }
        // SAFETY: The callback's context; Signatures.
        unsafe { (symbols.X509_STORE_CTX_set_error)(self.ctx, code) };
    }
}

/// OpenSSL frees an `SSL_CTX`.
pub(super) unsafe extern "C" fn on_context_freed(
    _parent: *mut c_void,
    data: *mut c_void,
    _ex_data: *mut ExData,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    if !data.is_null() {
        // SAFETY: `attach` stored what `Arc::into_raw` gave, and OpenSSL calls this once.
        drop(unsafe { Arc::from_raw(data.cast::<Trust>()) });
    }
}

/// OpenSSL makes an `SSL`. Inside the package's own calls a [`Connection`] waits for it.
pub(super) unsafe extern "C" fn on_connection(
    _parent: *mut c_void,
    _data: *mut c_void,
    ex_data: *mut ExData,
    index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    // OpenSSL may call this as soon as the index exists.
    let Some(library) = Library::get() else { return };
    // Two threads may have come to `open`: the index of the one that lost is never read.
    if index != library.connection_index {
        return;
    }
    let Some(connection) = handoff::take() else { return };
    let connection = Arc::into_raw(connection).cast_mut().cast::<c_void>();
    // SAFETY: Signatures; OpenSSL gives the live ex_data of the new object and the index.
    let stored = unsafe { (library.symbols.CRYPTO_set_ex_data)(ex_data, index, connection) };
    if stored != 1 {
        // SAFETY: the pointer came from `into_raw` and was not stored.
        drop(unsafe { Arc::from_raw(connection.cast::<Connection>()) });
    }
}

/// OpenSSL copies an `SSL` and the pointers with it.
pub(super) unsafe extern "C" fn on_connection_copied(
    _to: *mut ExData,
    _from: *const ExData,
    data: *mut *mut c_void,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) -> c_int {
    // SAFETY: OpenSSL gives the place of the copied pointer.
    let connection = unsafe { data.read() };
    if !connection.is_null() {
        // SAFETY: `on_connection` stored what `Arc::into_raw` gave, and the original is alive.
        unsafe { Arc::increment_strong_count(connection.cast::<Connection>()) };
    }
    1
}

/// OpenSSL frees an `SSL`.
pub(super) unsafe extern "C" fn on_connection_freed(
    _parent: *mut c_void,
    data: *mut c_void,
    _ex_data: *mut ExData,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    if !data.is_null() {
        // SAFETY: `on_connection` stored what `Arc::into_raw` gave, and OpenSSL calls this once.
        drop(unsafe { Arc::from_raw(data.cast::<Connection>()) });
    }
}
