//! A certificate out of files. Whoever renews it writes new files; they are used at the next look, or at
//! once on SIGHUP. Files that do not fit each other change nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::Standing;

/// How often the files' times are looked at. Renewal is a matter of weeks; shorter only costs.
const LOOK_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Files {
    /// The chain and its key, known to belong together.
    fn read(&self, provider: &CryptoProvider) -> Result<CertifiedKey> {
        let certificate = self.certificate.display();
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .with_context(|| format!("cannot read the certificate {certificate}"))?
            .collect::<Result<_, _>>()
            .with_context(|| format!("{certificate} is no certificate (PEM)"))?;
        anyhow::ensure!(!chain.is_empty(), "{certificate} holds no certificate (PEM)");
        let key = PrivateKeyDer::from_pem_file(&self.key).with_context(|| {
            format!("cannot read a private key (PEM) in {}", self.key.display())
        })?;
        CertifiedKey::from_der(chain, key, provider).with_context(|| {
            format!("{certificate} and {} do not belong together", self.key.display())
        })
    }

    fn changed_at(&self) -> [Option<SystemTime>; 2] {
        let time = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
        [time(&self.certificate), time(&self.key)]
    }
}

/// The certificate in use.
#[derive(Debug)]
struct InUse(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for InUse {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Reads the files, and again whenever they change.
pub(super) fn keep_fresh(
    files: Files,
    provider: Arc<CryptoProvider>,
    standing: Arc<Standing>,
) -> Result<Arc<dyn ResolvesServerCert>> {
    let mut changed_at = files.changed_at();
    let key = files.read(&provider)?;
    standing.note(&key.cert);
    let in_use = Arc::new(InUse(RwLock::new(Arc::new(key))));
    let mut asked = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let resolver = Arc::clone(&in_use);
    tokio::spawn(async move {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = look.tick() => false,
                _ = asked.recv() => true,
            };
            let now = files.changed_at();
            if !asked && now == changed_at {
                continue;
            }
            match files.read(&provider) {
                Ok(key) => {
                    changed_at = now;
                    standing.note(&key.cert);
                    *in_use.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                    tracing::info!("the certificate was read again");
                }
                // One file may be written and the other not yet: the next look tries again.
                Err(error) => {
                    standing.failures.add();
                    tracing::error!(
                        error = format!("{error:#}"),
                        "the old certificate stays in use"
                    );
                }
            }
        }
    });
    Ok(resolver)
}
