//! A certificate from an authority that does check the name: Pebble, a small one for tests, where it is
//! installed (`apt-get install pebble`).

mod common;
#[path = "common/tools.rs"]
mod tools;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::secure::{ask, connect};
use common::{PATIENCE, Palabre};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

const NAME: &str = "salle.example";

/// Ends with the test.
struct Process(Child);

impl Process {
    /// `None` where the program is not installed.
    fn start(command: &mut Command) -> Option<Self> {
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok().map(Self)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An authority, for a machine of its own: all names lead here, and pages are on `tls_port`.
struct Authority {
    _processes: [Process; 2],
    directory: String,
    /// Of its directory: nobody but who is told trusts it.
    certificate: PathBuf,
    management_port: u16,
}

impl Authority {
    /// `None` where it is not installed.
    fn start(folder: &Path, tls_port: u16) -> Option<Self> {
        let [dns_port, port, management_port] = free_ports();
        let certificate = folder.join("authority.pem");
        let key_file = folder.join("authority.key");
        let key = KeyPair::generate().expect("a key");
        let own = CertificateParams::new(["localhost".to_owned()])
            .and_then(|params| params.self_signed(&key))
            .expect("a certificate");
        std::fs::write(&certificate, own.pem()).expect("written");
        std::fs::write(&key_file, key.serialize_pem()).expect("written");
        let settings = json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management_port}"),
            "certificate": certificate,
            "privateKey": key_file,
            "tlsPort": tls_port,
        }});
        let settings_file = folder.join("pebble.json");
        std::fs::write(&settings_file, settings.to_string()).expect("written");

        let dns = format!("127.0.0.1:{dns_port}");
        let names = Process::start(
            Command::new("pebble-challtestsrv")
                .args(["-dns01", &dns, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""])
                .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-management", ""]),
        )?;
        let authority = Process::start(
            Command::new("pebble")
                .args(["-dnsserver", &dns, "-config"])
                .arg(settings_file)
                // Else it is slow and refuses at random, to harden clients; ours tries again.
                .envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0")]),
        )?;
        Some(Self {
            _processes: [names, authority],
            directory: format!("https://localhost:{port}/dir"),
            certificate,
            management_port,
        })
    }

    /// What those trust who trust this authority.
    async fn root(&self) -> CertificateDer<'static> {
        let own = CertificateDer::from_pem_file(&self.certificate).expect("a certificate");
        let until = Instant::now() + PATIENCE;
        let mut stream = loop {
            match connect("localhost", self.management_port, own.clone()).await {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            sleep(Duration::from_millis(50)).await;
        };
        let answer = ask(&mut stream, "GET /roots/0 HTTP/1.1", "localhost", "").await;
        CertificateDer::from_pem_slice(answer.as_bytes()).expect("a certificate")
    }
}

/// Ports that nobody has at the moment.
fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("bound"));
    held.map(|listener| listener.local_addr().expect("an address").port())
}

#[tokio::test]
async fn the_authority_checks_the_name_and_its_certificate_is_kept() {
    let dir = tempfile::tempdir().expect("dir");
    let [port] = free_ports();
    let Some(authority) = Authority::start(dir.path(), port) else {
        tools::missing("pebble", "pebble");
        return;
    };
    let root = authority.root().await;
    let https = format!("127.0.0.1:{port}");
    let (directory, trusted) =
        (authority.directory.clone(), authority.certificate.display().to_string());
    let flags = ["--no-demo", "--https", &https, "--acme-domain", NAME];
    let flags: Vec<&str> = flags
        .into_iter()
        .chain(["--acme-directory", &directory, "--acme-authority", &trusted])
        .collect();
    let data = dir.path().join("data");

    /// The page over a certificate of the authority's, once there is one; gives that certificate.
    async fn certificate(port: u16, root: &CertificateDer<'static>) -> CertificateDer<'static> {
        let mut stream = loop {
            match connect(NAME, port, root.clone()).await {
                Ok(stream) => break stream,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        };
        let chain = stream.get_ref().1.peer_certificates().expect("a chain").to_vec();
        let page = ask(&mut stream, "GET / HTTP/1.1", "localhost", "").await;
        assert!(page.contains("<title>Palabre</title>"), "{page}");
        chain.into_iter().next().expect("its own")
    }
    let server = Palabre::start(&data, &flags);
    let first = timeout(PATIENCE, certificate(port, &root)).await.expect("it is had");
    let expires = server.metrics().value("palabre_tls_certificate_expires_timestamp_seconds");
    assert!(expires > 1.7e9, "{expires}");
    assert!(server.terminate().0);

    // The next server does not ask again: the authority limits how often that may be.
    drop(authority);
    let _server = Palabre::start(&data, &flags);
    let second = timeout(PATIENCE, certificate(port, &root)).await.expect("it was kept");
    assert_eq!(first, second);
}
