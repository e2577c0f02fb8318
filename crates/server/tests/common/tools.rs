//! Programs of the system's that some checks need.

use std::io::Write as _;

/// A check cannot be made without this program. Under `cargo xtask test` it fails; elsewhere it is passed
/// over, and said where the test runner does not swallow it.
pub(crate) fn missing(program: &str, package: &str) {
    let words = format!("not checked: `{program}` is missing (apt-get install {package})");
    assert!(std::env::var_os("PALABRE_SUITE").is_none(), "{words}");
    // Nothing is left to tell when standard error itself is gone.
    let _ = writeln!(std::io::stderr(), "\n{words}\n");
}
