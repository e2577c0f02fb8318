//! A server that lives as long as a command of ours needs it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// A server is up within this, or it does not start.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A server on free ports of this machine, with an empty data directory. It ends with this value.
pub(crate) struct Served {
    child: Child,
    http: u16,
    private: u16,
}

impl Served {
    /// Starts `program` with its data in `data`, which is emptied first. With `processor` it has that
    /// one alone. It ends by itself after `lives`.
    pub(crate) fn start(
        program: &Path,
        data: &Path,
        processor: Option<usize>,
        lives: Duration,
    ) -> Result<Self> {
        if data.exists() {
            std::fs::remove_dir_all(data).with_context(|| format!("{}", data.display()))?;
        }
        let free = || Ok::<_, std::io::Error>(TcpListener::bind(LOOPBACK)?.local_addr()?.port());
        let (http, private) = (free()?, free()?);
        let media = UdpSocket::bind(LOOPBACK)?.local_addr()?.port();
        let mut command = match processor {
            Some(processor) => {
                let mut pinned = Command::new("taskset");
                pinned.args(["--cpu-list", &processor.to_string()]).arg(program);
                pinned
            }
            None => Command::new(program),
        };
        let child = command
            .args(["serve", "--no-demo", "--shards", "1", "--log", "error"])
            .args(["--advertise", "127.0.0.1"])
            .args(["--exit-after", &lives.as_secs().to_string()])
            .args(["--http", &format!("127.0.0.1:{http}")])
            .args(["--private", &format!("127.0.0.1:{private}")])
            .args(["--media", &format!("127.0.0.1:{media}")])
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("{} could not be started", program.display()))?;
        let served = Self { child, http, private };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, http)).is_err() {
            ensure!(Instant::now() < end, "the server does not start within {PATIENCE:?}");
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(served)
    }

    /// What a load test must be told of it.
    pub(crate) fn options(&self) -> [String; 6] {
        [
            "--url".to_owned(),
            format!("http://127.0.0.1:{}", self.http),
            "--private".to_owned(),
            format!("http://127.0.0.1:{}", self.private),
            // `taskset` becomes the program that it starts: the pid is the server's.
            "--server-pid".to_owned(),
            self.child.id().to_string(),
        ]
    }
}

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
