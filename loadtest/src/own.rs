//! A server of the load test's own: started for a scenario on free ports with an empty data directory,
//! and killed, stopped, restarted or handed over as the scenario says.

use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::link::Server;

/// A server is up within this, or it does not start; it has ended within this, or it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether it is up: what a measured recovery may be off by.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A running server, which ends with this value.
#[derive(Debug)]
pub struct OwnServer {
    program: PathBuf,
    data: TempDir,
    http: u16,
    private: u16,
    media: u16,
    /// The server ends by itself after so long, whatever becomes of the load test.
    lives: Duration,
    process: Process,
}

/// The process that serves.
#[derive(Debug)]
enum Process {
    /// One that was started here. It dies with the load test.
    Child(Child),
    /// One that a server before it started, to hand over to it.
    Successor(Pid),
    /// None does.
    Gone,
}

/// A server that answers again.
#[derive(Debug, Clone, Copy)]
pub struct Up {
    /// Since when: it took a connection then.
    pub at: Instant,
}

impl OwnServer {
    /// Starts `program` as a server of its own. It ends by itself after `lives`.
    ///
    /// The caller's thread must live as long as the server: the kernel ends the server with it. A
    /// worker thread of the runtime, or the main one, does.
    ///
    /// # Errors
    /// When the program cannot be started, or does not serve within 30 s.
    pub async fn start(program: &Path, lives: Duration) -> Result<Self> {
        let program = program.canonicalize().with_context(|| {
            format!(
                "the server's program {} (build it, or say --server PROGRAM)",
                program.display()
            )
        })?;
        let data = tempfile::tempdir().context("a data directory for the server")?;
        let (http, private) = (free_port()?, free_port()?);
        let media = free_media_port()?;
        let process = Process::Gone;
        let mut server = Self { program, data, http, private, media, lives, process };
        server.begin().await?;
        Ok(server)
    }

    /// Where it is.
    ///
    /// # Errors
    /// Never for a port.
    pub fn address(&self) -> Result<Server> {
        Server::parse(&format!("http://127.0.0.1:{}", self.http))
    }

    /// Its private listener, with its metrics and `/drain`.
    #[must_use]
    pub fn private_address(&self) -> String {
        format!("http://127.0.0.1:{}", self.private)
    }

    /// Its pid; none while it is gone.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.pid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs())
    }

    /// `kill -9`, and a start after `away`. Gives when it was up again.
    ///
    /// # Errors
    /// When it does not start again.
    pub async fn kill(&mut self, away: Duration) -> Result<Up> {
        self.signal(Signal::KILL)?;
        self.ended().await?;
        sleep(away).await;
        self.begin().await
    }

    /// SIGTERM, and a start once it has ended. Gives when it was up again.
    ///
    /// # Errors
    /// When it does not end well, or does not start again.
    pub async fn restart(&mut self, away: Duration) -> Result<Up> {
        self.signal(Signal::TERM)?;
        if let Some(status) = self.ended().await? {
            ensure!(status.success(), "the server that was told to end gave {status}");
        }
        sleep(away).await;
        self.begin().await
    }

    /// SIGSTOP, and SIGCONT after `away`. Gives when it went on.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn stop(&mut self, away: Duration) -> Result<Up> {
        self.signal(Signal::STOP)?;
        sleep(away).await;
        self.signal(Signal::CONT)?;
        Ok(Up { at: Instant::now() })
    }

    /// `POST /drain`: the server starts another one, which takes over; each room may wait `within` for a
    /// moment that interrupts nobody. Gives when the first one had ended.
    ///
    /// # Errors
    /// When it refuses, when the first one does not end well, or the other one does not serve.
    pub async fn drain(&mut self, within: Duration) -> Result<Up> {
        let url = format!("{}/drain", self.private_address());
        let body = json!({ "within_seconds": within.as_secs() });
        let answer = tokio::task::spawn_blocking(move || -> Result<String> {
            let mut response = ureq::post(&url).send_json(&body).context("POST /drain")?;
            Ok(response.body_mut().read_to_string()?)
        })
        .await??;
        let next = successor(&answer)?;
        if let Some(status) = self.ended_within(within + PATIENCE).await? {
            ensure!(status.success(), "the server that handed over gave {status}");
        }
        let at = Instant::now();
        self.process = Process::Successor(next);
        self.up().await?;
        Ok(Up { at })
    }

    async fn begin(&mut self) -> Result<Up> {
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.program)
            .args(["serve", "--no-demo", "--shards", "1", "--log", "error"])
            .args(["--advertise", "127.0.0.1"])
            .args(["--exit-after", &self.lives.as_secs().to_string()])
            .args(["--http", &format!("127.0.0.1:{}", self.http)])
            .args(["--private", &format!("127.0.0.1:{}", self.private)])
            .args(["--media", &format!("127.0.0.1:{}", self.media)])
            .arg("--data")
            .arg(self.data.path())
            // A terminal's Ctrl-C is for the load test, whose rooms still need their server.
            .process_group(0)
            .stdin(Stdio::null())
            // The report is there; the server's errors go where the load test's go.
            .stdout(Stdio::null())
            .spawn()
            .context("`setpriv` (util-linux) could not be started")?;
        self.process = Process::Child(child);
        self.up().await
    }

    /// When it takes connections.
    async fn up(&mut self) -> Result<Up> {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.http)).is_err() {
            if let Process::Child(child) = &mut self.process
                && let Some(status) = child.try_wait()?
            {
                bail!("the server does not start: it ended with {status}");
            }
            ensure!(Instant::now() < end, "the server does not start within {PATIENCE:?}");
            sleep(LOOK_EVERY).await;
        }
        Ok(Up { at: Instant::now() })
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.process.pid().context("the server is gone already")?;
        kill_process(pid, signal).context("the server is gone already")
    }

    /// Waits for its end; gives how it ended, where that is told.
    async fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.ended_within(PATIENCE).await
    }

    async fn ended_within(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        let end = Instant::now() + patience;
        loop {
            match &mut self.process {
                Process::Child(child) => {
                    if let Some(status) = child.try_wait()? {
                        self.process = Process::Gone;
                        return Ok(Some(status));
                    }
                }
                Process::Successor(pid) if runs(*pid) => {}
                Process::Successor(_) | Process::Gone => {
                    self.process = Process::Gone;
                    return Ok(None);
                }
            }
            ensure!(Instant::now() < end, "the server does not end within {patience:?}");
            sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        if let Some(pid) = self.process.pid() {
            let _ = kill_process(pid, Signal::KILL);
        }
        if let Process::Child(child) = &mut self.process {
            let _ = child.wait();
        }
    }
}

impl Process {
    fn pid(&self) -> Option<Pid> {
        match self {
            Self::Child(child) => Some(Pid::from_child(child)),
            Self::Successor(pid) => Some(*pid),
            Self::Gone => None,
        }
    }
}

/// Whether a process that is nobody's child here still runs. One that nobody has buried does not.
fn runs(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let state = stat.ok().and_then(|stat| {
        // The name in parentheses may hold anything, spaces too.
        stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next())
    });
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

/// The process that the answer of `POST /drain` names: `process 123 takes over`.
fn successor(answer: &str) -> Result<Pid> {
    let pid = answer.split_whitespace().skip_while(|word| *word != "process").nth(1);
    let pid = pid.and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    pid.with_context(|| format!("POST /drain names no successor: {}", answer.trim()))
}

/// From here on the kernel gives ports to whoever connects (`ip(7)`), when it does not say so itself.
const GIVEN_FROM: u16 = 32_768;

/// A port of this machine that is free, and stays so while nobody listens there: none that the kernel gives to
/// whoever connects. One of those is taken, now and then, by the very connection that looks whether a
/// server listens there, which then meets itself.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let first = range.ok().and_then(|range| range.split_whitespace().next()?.parse().ok());
    let first: u16 = first.unwrap_or(GIVEN_FROM);
    for _ in 0..1_000 {
        // Below are those of services.
        let port = rand::random_range(1_024..first.max(2_048));
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port below {first}")
}

/// A port for media with another one behind it, where the next server takes over.
fn free_media_port() -> Result<u16> {
    let free = |port| {
        let place = (Ipv4Addr::LOCALHOST, port);
        UdpSocket::bind(place).is_ok() && TcpListener::bind(place).is_ok()
    };
    for _ in 0..100 {
        let port = free_port()?;
        if port < u16::MAX && free(port) && free(port + 1) {
            return Ok(port);
        }
    }
    bail!("no two free ports for media")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_is_the_process_that_the_server_names() {
        let pid = successor("process 4711 takes over\n").expect("named");
        assert_eq!(pid.as_raw_nonzero().get(), 4_711);
        assert!(successor("no rooms are made any more").is_err());
        assert!(successor("process many takes over").is_err());
    }

    #[tokio::test]
    async fn a_program_that_does_not_serve_is_told_as_such() {
        let lives = Duration::from_secs(60);
        let error = OwnServer::start(Path::new("/bin/false"), lives).await.expect_err("no server");
        assert!(format!("{error:#}").contains("does not start"), "{error:#}");
        let error = OwnServer::start(Path::new("/no/such/program"), lives).await.expect_err("none");
        assert!(format!("{error:#}").contains("--server"), "{error:#}");
    }

    #[test]
    fn this_very_process_runs() {
        assert!(runs(rustix::process::getpid()));
        assert!(!runs(Pid::from_raw(i32::MAX).expect("above zero")));
    }
}
