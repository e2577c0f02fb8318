//! A certificate from a certificate authority (RFC 8555), which checks the domains by a TLS connection
//! to this very listener (RFC 8737): nothing else needs to be open.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use rustls_acme::caches::DirCache;
use rustls_acme::{AcmeConfig, EventOk, is_tls_alpn_challenge};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{Acme, Standing};

/// Asks for a certificate, uses the one that was kept meanwhile, and renews it in time.
pub(super) fn keep_fresh(
    acme: Acme,
    provider: Arc<CryptoProvider>,
    standing: Arc<Standing>,
) -> Result<Arc<dyn ResolvesServerCert>> {
    // Private keys are kept in it, in files whose rights their writer does not narrow.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&acme.cache)
        .with_context(|| format!("cannot make {}", acme.cache.display()))?;
    let domains: Vec<String> = acme.domains.into_iter().map(|domain| domain.0).collect();
    let mut config = AcmeConfig::new_with_provider(domains, Arc::clone(&provider))
        .contact(acme.contact.into_iter().map(|contact| format!("mailto:{}", contact.0)))
        .cache(DirCache::new(acme.cache));
    config = match acme.directory {
        Some(directory) => config.directory(directory),
        None => config.directory_lets_encrypt(true),
    };
    if let Some(authority) = &acme.authority {
        config = config.client_tls_config(Arc::new(trusting(authority, provider)?));
    }
    let mut state = config.state();
    let resolver = Observed { inner: state.resolver(), standing: Arc::clone(&standing) };
    tokio::spawn(async move {
        while let Some(event) = state.next().await {
            match event {
                Ok(EventOk::DeployedNewCert) => tracing::info!("a new certificate is in use"),
                Ok(_) => {}
                // It is tried again, at growing intervals, by the library.
                Err(error) => {
                    standing.failures.add();
                    tracing::error!(%error, "no certificate from the authority");
                }
            }
        }
    });
    Ok(Arc::new(resolver))
}

fn trusting(authority: &Path, provider: Arc<CryptoProvider>) -> Result<ClientConfig> {
    let shown = authority.display();
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(authority)
        .with_context(|| format!("cannot read the authority's certificate {shown}"))?;
    for certificate in certificates {
        let certificate =
            certificate.with_context(|| format!("{shown} is no certificate (PEM)"))?;
        roots.add(certificate).with_context(|| format!("{shown} is no authority"))?;
    }
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("the cryptography library has no version of TLS")?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Notes which certificate is in use: the library does not tell.
#[derive(Debug)]
struct Observed {
    inner: Arc<dyn ResolvesServerCert>,
    standing: Arc<Standing>,
}

impl ResolvesServerCert for Observed {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_check = is_tls_alpn_challenge(&hello);
        let key = self.inner.resolve(hello)?;
        if !is_check {
            self.standing.note(&key.cert);
        }
        Some(key)
    }
}
