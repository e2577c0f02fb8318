//! The public listener's certificate: out of files, read again when they change, or from a certificate
//! authority by ACME.

mod acme;
mod files;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context as _, Result};
use palabre_signaling::Counter;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::ResolvesServerCert;

use crate::settings::{Contact, Domain};

/// What a certificate authority's check of a domain speaks instead of HTTP (RFC 8737).
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub(crate) enum Certificate {
    /// PEM files: the chain, own certificate first, and its key.
    Files { certificate: PathBuf, key: PathBuf },
    /// A certificate authority.
    Acme(Acme),
}

/// How a certificate authority is asked.
#[derive(Debug, Clone)]
pub(crate) struct Acme {
    pub(crate) domains: Vec<Domain>,
    pub(crate) contact: Option<Contact>,
    /// Its directory; Let's Encrypt's unless set.
    pub(crate) directory: Option<String>,
    /// Whom to trust for that directory's own certificate, instead of the public authorities (PEM).
    pub(crate) authority: Option<PathBuf>,
    /// Account and certificates are kept here.
    pub(crate) cache: PathBuf,
}

/// What is known of the certificate, for metrics.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The end of the certificate in use, in seconds since 1970; 0 while there is none.
    expires_at: AtomicI64,
    /// Times that a new certificate could not be had or read.
    pub(crate) failures: Counter,
}

impl Standing {
    /// The end of the certificate in use, in seconds since 1970.
    pub(crate) fn expires_at(&self) -> i64 {
        self.expires_at.load(Ordering::Relaxed)
    }

    fn note(&self, chain: &[CertificateDer<'_>]) {
        let own = chain.first().and_then(|own| x509_parser::parse_x509_certificate(own).ok());
        if let Some((_, own)) = own {
            self.expires_at.store(own.validity().not_after.timestamp(), Ordering::Relaxed);
        }
    }
}

/// Makes what takes TLS connections, and keeps its certificate fresh as long as the runtime lives.
pub(crate) fn acceptor(certificate: Certificate, standing: Arc<Standing>) -> Result<TlsAcceptor> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let (resolver, protocols): (Arc<dyn ResolvesServerCert>, Vec<Vec<u8>>) = match certificate {
        Certificate::Files { certificate, key } => {
            let files = files::Files { certificate, key };
            (files::keep_fresh(files, Arc::clone(&provider), standing)?, vec![b"http/1.1".to_vec()])
        }
        Certificate::Acme(acme) => (
            acme::keep_fresh(acme, Arc::clone(&provider), standing)?,
            vec![b"http/1.1".to_vec(), ACME_TLS.to_vec()],
        ),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("the cryptography library has no version of TLS")?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = protocols;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
