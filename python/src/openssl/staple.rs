//! The OCSP response that a server staples, where a connection checks revocation.
//!
//! In TLS 1.3 it is an extension of the server's certificate (RFC 8446 section 4.4.2.1), which OpenSSL
//! has read when it requests the verdict. In TLS 1.2 it is the message after the certificates (RFC
//! 6066 section 8), and OpenSSL requests the verdict first. There the verdict on everything else is
//! given in [`on_verify`](super::callbacks::on_verify), and the one that counts when OpenSSL asks what
//! to do about the response: after the server's first flight, whether there was a response or not, and
//! before the client answers with a certificate or anything else.
//!
//! See [the module above](super) for what the SAFETY comments rest on.

use std::ffi::{c_int, c_long, c_uchar, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::Library;
use super::symbols::{AnyCallback, Ssl, SslCtx, StatusCallback};
use crate::connection::{Connection, Handshake, check_security_level};
use crate::verdict::{Rejected, Verdict, X509_V_ERR_OUT_OF_MEM, X509_V_ERR_UNSPECIFIED};

// Values of OpenSSL 3's public headers.
const SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB: c_int = 63;
const SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE: c_int = 65;
const SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP: c_int = 70;
const SSL_CTRL_GET_TLSEXT_STATUS_REQ_TYPE: c_int = 127;
const TLSEXT_STATUSTYPE_NOTHING: c_long = -1;
const TLSEXT_STATUSTYPE_OCSP: c_long = 1;
const SSL_TLSEXT_ERR_NOACK: c_int = 3;
const TLS1_3_VERSION: c_int = 0x304;

impl Library {
    /// Has OpenSSL call [`on_status`] where a connection requests a response.
    pub(super) fn prepare_for_staples(&self, ctx: *mut SslCtx) -> PyResult<()> {
        // SAFETY: OpenSSL casts it back to this type before it calls it.
        let callback = unsafe { std::mem::transmute::<StatusCallback, AnyCallback>(on_status) };
        // SAFETY: Signatures; `ctx` is alive.
        let set = unsafe {
            (self.symbols.SSL_CTX_callback_ctrl)(
                ctx,
                SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB,
                Some(callback),
            )
        };
        if set == 1 {
            Ok(())
        } else {
            Err(PyRuntimeError::new_err("OpenSSL takes no callback for OCSP responses"))
        }
    }

    /// Whether the connections that are made with a context from now on request a response. The
    /// context was given to [`attach`](Self::attach).
    pub(crate) fn request_staples(&self, context: &Bound<'_, PyAny>, yes: bool) -> PyResult<()> {
        let ctx = self.ssl_ctx(context)?.as_ptr();
        let kind = if yes { TLSEXT_STATUSTYPE_OCSP } else { TLSEXT_STATUSTYPE_NOTHING };
        // SAFETY: Signatures; `ctx` is alive as long as `context`.
        unsafe {
            (self.symbols.SSL_CTX_ctrl)(
                ctx,
                SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE,
                kind,
                ptr::null_mut(),
            )
        };
        Ok(())
    }

    pub(super) fn has_requested_staple(&self, ssl: *mut Ssl) -> bool {
        let command = SSL_CTRL_GET_TLSEXT_STATUS_REQ_TYPE;
        // SAFETY: Signatures; `ssl` is alive. The command reads.
        let kind = unsafe { (self.symbols.SSL_ctrl)(ssl, command, 0, ptr::null_mut()) };
        kind == TLSEXT_STATUSTYPE_OCSP
    }

    /// Whether OpenSSL requests the verdict before it has read the response.
    pub(super) fn staple_comes_later(&self, ssl: *mut Ssl) -> bool {
        // SAFETY: Signatures; `ssl` is alive.
        let version = unsafe { (self.symbols.SSL_version)(ssl) };
        version < TLS1_3_VERSION
    }

    /// The response that was read; empty if there is none.
    pub(super) fn staple(&self, ssl: *mut Ssl) -> Vec<u8> {
        let command = SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP;
        let mut start: *mut c_uchar = ptr::null_mut();
        let place = (&raw mut start).cast::<c_void>();
        // SAFETY: Signatures; `ssl` is alive. The command stores a pointer to its own copy.
        let length = unsafe { (self.symbols.SSL_ctrl)(ssl, command, 0, place) };
        match usize::try_from(length) {
            Ok(length) if length > 0 && !start.is_null() => {
                // SAFETY: that many octets that belong to `ssl`; copied at once.
                unsafe { std::slice::from_raw_parts(start, length) }.to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// The verdict on a handshake that has waited for its response.
    fn verify_with_staple(
        &self,
        connection: &Connection,
        handshake: &Handshake,
        level: c_int,
    ) -> Result<trustbridge::Verified, Rejected> {
        let verified = connection.ask(handshake)?;
        if level > 2 {
            // The path can be another one than before.
            let mut strengths = Vec::with_capacity(verified.chain.len());
            for der in &verified.chain {
                let cert = self.parse(der);
                let cert = cert.ok_or_else(|| Rejected::internal(X509_V_ERR_OUT_OF_MEM))?;
                strengths.push(self.strength(&cert));
            }
            check_security_level(level, strengths.into_iter())?;
        }
        Ok(verified)
    }
}

/// OpenSSL asks a client whether the response, or that there is none, is acceptable; a server, what it
/// staples. Runs without the GIL and touches no Python object.
unsafe extern "C" fn on_status(ssl: *mut Ssl, _arg: *mut c_void) -> c_int {
    let Some(library) = Library::get() else { return 0 };
    let symbols = &library.symbols;
    // SAFETY: Signatures; OpenSSL calls this with a live connection.
    if unsafe { (symbols.SSL_is_server)(ssl) } == 1 {
        return SSL_TLSEXT_ERR_NOACK;
    }
    // SAFETY: as above.
    let own = unsafe { (symbols.SSL_get_ex_data)(ssl, library.connection_index) };
    // SAFETY: NULL, or what `on_connection` stored; the `SSL` holds a reference to it.
    let Some(connection) = (unsafe { own.cast::<Connection>().as_ref() }) else { return 1 };
    let Some((mut handshake, level)) = connection.waited() else { return 1 };
    // A panic must not cross into C.
    let verdict = catch_unwind(AssertUnwindSafe(|| {
        handshake.staple = library.staple(ssl);
        library.verify_with_staple(connection, &handshake, level)
    }))
    .unwrap_or_else(|_| Err(Rejected::internal(X509_V_ERR_UNSPECIFIED)));
    let accepted = verdict.is_ok();
    connection.keep(Verdict::from(verdict));
    c_int::from(accepted)
}
