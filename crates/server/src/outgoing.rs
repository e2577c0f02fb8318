//! Requests that this server makes of others.

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;

/// What asks other servers. A call blocks, for `patience` at most.
pub(crate) fn agent(patience: Duration) -> ureq::Agent {
    let tls = ureq::tls::TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
        .root_certs(ureq::tls::RootCerts::WebPki)
        .build();
    ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(patience))
        // Somebody else's word does not send our requests anywhere else.
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("palabre/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}
