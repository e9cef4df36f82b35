//! Prints the system's trust anchors for servers in PEM. A program of its own, because the tests choose
//! the store with `SSL_CERT_FILE`, and a process has only one environment.

use trustbridge::pki_types::UnixTime;
use trustbridge::{Purpose, SystemStore};

fn main() {
    print!("{}", SystemStore::snapshot().to_pem(Purpose::ServerAuth, UnixTime::now()));
}
