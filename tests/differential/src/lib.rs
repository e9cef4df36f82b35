//! Generated chains, and the verdict of three verifiers on each: the core's, OpenSSL's, webpki's.
