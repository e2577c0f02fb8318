//! Pages over TLS: the certificate, its renewal, and who comes without.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::secure::{self, ask};
use common::{PATIENCE, Palabre, room, token};
use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_tungstenite::tungstenite::Message;

const NAME: &str = "salle.example";

/// Files of a certificate that signs itself.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn make(folder: &Path) -> Self {
        let files = Self { certificate: folder.join("chain.pem"), key: folder.join("key.pem") };
        files.renew();
        files
    }

    /// Writes a new certificate with a new key.
    fn renew(&self) {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new([NAME.to_owned()])
            .and_then(|params| params.self_signed(&key))
            .expect("a certificate");
        std::fs::write(&self.certificate, certificate.pem()).expect("written");
        std::fs::write(&self.key, key.serialize_pem()).expect("written");
    }

    fn trusted(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.certificate).expect("a certificate")
    }

    fn flags(&self) -> Vec<String> {
        let shown = |path: &Path| path.display().to_string();
        ["--no-demo", "--https", "127.0.0.1:0", "--tls-certificate", &shown(&self.certificate)]
            .into_iter()
            .chain(["--tls-key", &shown(&self.key)])
            .map(str::to_owned)
            .collect()
    }

    fn start(&self, data: &Path, more: &[&str]) -> Palabre {
        let flags = self.flags();
        let flags: Vec<&str> =
            flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
        Palabre::start(data, &flags)
    }
}

async fn connect(
    port: u16,
    trusted: CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    secure::connect(NAME, port, trusted).await
}

#[tokio::test]
async fn pages_are_over_tls_and_who_comes_without_is_sent_there() {
    let dir = tempfile::tempdir().expect("dir");
    let files = Files::make(dir.path());
    let server = files.start(dir.path(), &[]);
    let mut stream = connect(server.port, files.trusted()).await.expect("TLS");
    let page = ask(&mut stream, "GET /r/abcd HTTP/1.1", "localhost", "").await;
    assert!(page.contains("<title>Palabre</title>"), "{page}");
    // A promise for `localhost` would bind every other server on this machine.
    assert!(!page.contains("strict-transport-security"), "{page}");

    let (status, head, _) = server.ask_plain("/r/abcd?x=1", &format!("Host: {NAME}:80\r\n"));
    assert_eq!(status, 308);
    let location = format!("location: https://{NAME}:{}/r/abcd?x=1\r\n", server.port);
    assert!(head.contains(&location), "{head}");
    let expires = server.metrics().value("palabre_tls_certificate_expires_timestamp_seconds");
    assert!(expires > 1.7e9, "{expires}");
    assert!(server.said[0].contains("https://localhost:"), "{:?}", server.said);
}

#[tokio::test]
async fn a_room_is_made_and_entered_under_the_public_address() {
    let dir = tempfile::tempdir().expect("dir");
    let files = Files::make(dir.path());
    let key = dir.path().join("operator-key");
    std::fs::write(&key, "open-sesame-open-sesame\n").expect("written");
    let key = key.display().to_string();
    let more = ["--public-url", "https://salle.example", "--operator-key-file", &key];
    let server = files.start(dir.path(), &more);
    let trusted = files.trusted();

    let mut stream = connect(server.port, trusted.clone()).await.expect("TLS");
    let head = "POST /api/rooms HTTP/1.1\r\nContent-Type: application/json\r\n\
                Authorization: Bearer open-sesame-open-sesame";
    let made = ask(&mut stream, head, NAME, &room().to_string()).await;
    assert!(made.starts_with("HTTP/1.1 201"), "{made}");
    let (_, body) = made.split_once("\r\n\r\n").expect("a body");
    let made: Value = serde_json::from_str(body).expect("JSON");
    let url = made["links"][1]["url"].as_str().expect("a link");
    assert!(url.starts_with("https://salle.example/r/"), "{url}");

    let mut stream = connect(server.port, trusted.clone()).await.expect("TLS");
    let page = ask(&mut stream, "GET / HTTP/1.1", NAME, "").await;
    assert!(page.contains("strict-transport-security: max-age=31536000"), "{page}");

    let stream = connect(server.port, trusted).await.expect("TLS");
    let (mut socket, _) = tokio_tungstenite::client_async("wss://salle.example/ws", stream)
        .await
        .expect("a WebSocket");
    let version = palabre_wire::WIRE_VERSION;
    let hello = json!({"type": "hello", "version": version, "token": token(url), "language": "fr"});
    socket.send(Message::text(hello.to_string())).await.expect("sent");
    let message = timeout(PATIENCE, socket.next()).await.expect("in time").expect("open");
    assert!(message.expect("well").to_text().expect("text").contains(r#""type":"welcome""#));

    let (status, head, _) = server.ask_plain("/", "Host: else.example\r\n");
    assert_eq!(status, 308);
    assert!(head.contains("location: https://salle.example/"), "{head}");
    assert!(server.terminate().0, "a WebSocket over TLS does not hold up the end");
}

#[tokio::test]
async fn a_renewed_certificate_is_used_and_a_bad_one_is_not() {
    let dir = tempfile::tempdir().expect("dir");
    let files = Files::make(dir.path());
    let server = files.start(dir.path(), &[]);
    let first = files.trusted();
    connect(server.port, first.clone()).await.expect("the first certificate");
    let hang_up = || {
        let pid = server.pid().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().expect("kill").success());
    };

    files.renew();
    let second = files.trusted();
    hang_up();
    let renewed = async { while connect(server.port, second.clone()).await.is_err() {} };
    timeout(PATIENCE, renewed).await.expect("the second certificate comes into use");
    assert!(connect(server.port, first).await.is_err(), "the first one is gone");

    std::fs::write(&files.key, "no key").expect("written");
    hang_up();
    let failures = || server.metrics().value("palabre_tls_certificate_failures_total");
    let noticed = async {
        while failures() < 1.0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, noticed).await.expect("it is told");
    connect(server.port, second).await.expect("the second certificate stays");
    assert!(server.metrics().value("palabre_tls_handshakes_failed_total") >= 1.0);
}

#[test]
fn files_that_do_not_fit_are_refused_by_name() {
    let dir = tempfile::tempdir().expect("dir");
    let files = Files::make(dir.path());
    let other = tempfile::tempdir().expect("dir");
    let others = Files::make(other.path());
    std::fs::copy(&others.key, &files.key).expect("copied");
    let run = || {
        let out = Command::new(env!("CARGO_BIN_EXE_palabre"))
            .args(["serve", "--http", "127.0.0.1:0", "--media", "127.0.0.1:0", "--exit-after", "0"])
            .args(files.flags())
            .arg("--data")
            .arg(dir.path())
            .output()
            .expect("ran");
        assert!(!out.status.success());
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    let words = run();
    assert!(words.contains("chain.pem") && words.contains("do not belong together"), "{words}");
    std::fs::write(&files.key, "no key").expect("written");
    let words = run();
    assert!(
        words.contains("cannot read a private key (PEM) in") && words.contains("key.pem"),
        "{words}"
    );
}

/// Nobody plays the authority here: only that a server without one starts, says so and goes on. See
/// `acme.rs` for one that is there.
#[tokio::test]
async fn an_authority_that_is_not_there_is_told_and_stops_nothing() {
    let dir = tempfile::tempdir().expect("dir");
    let nobody = "https://127.0.0.1:9/directory";
    let acme = ["--no-demo", "--https", "127.0.0.1:0", "--acme-domain", NAME];
    let more: Vec<&str> = acme.into_iter().chain(["--acme-directory", nobody]).collect();
    let server = Palabre::start(dir.path(), &more);
    let told = async {
        while server.metrics().value("palabre_tls_certificate_failures_total") < 1.0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, told).await.expect("it is told");
    assert_eq!(server.ask_private("/readyz", "").0, 200);
    assert_eq!(server.metrics().value("palabre_tls_certificate_expires_timestamp_seconds"), 0.0);
    use std::os::unix::fs::PermissionsExt as _;
    let kept = std::fs::metadata(dir.path().join("acme")).expect("made").permissions();
    assert_eq!(kept.mode() & 0o777, 0o700, "keys are kept there");
}
