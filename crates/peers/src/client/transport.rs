//! One peer connection without the weight of one: a socket, connectivity checks, DTLS as the client,
//! and SRTP.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::BytesMut;
use palabre_loadtest::media::stream::Counter;
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::config::ConfigBuilder;
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context as SrtpContext;
use rtc_srtp::protection_profile::ProtectionProfile;
use rustix::net::sockopt::set_socket_recv_buffer_size_force;

use super::packet::{
    Datagram, Feedback, Seen, Stream, classify, feedback, receiver_report, report_block, see,
};
use super::sdp::{Description, Own};
use super::stun::{Heard, Role, check, hear};
use crate::place::CLIENTS;

/// From one check, or one flight, to the next.
const RETRY: Duration = Duration::from_millis(200);
/// A connection takes no longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest datagram.
const MTU: usize = 2_048;
/// So much may wait for a client: it is the server that is measured.
const RECEIVE_BUFFER: usize = 8 << 20;
/// One packet in so many is opened, to read when it was sent.
const SAMPLE: u64 = 16;

/// A peer connection of a client.
pub(crate) struct Transport {
    own: Own,
    /// None before the other end has been described.
    remote: Option<Remote>,
    socket: UdpSocket,
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    secure: Option<Secure>,
    received: HashMap<u32, Received>,
    count: u64,
    transport_cc: u16,
    packet: Vec<u8>,
}

struct Remote {
    role: Role,
    address: SocketAddr,
    ufrag: String,
    password: String,
    /// Payload types of retransmissions.
    rtx: Vec<u8>,
    /// What was agreed, section by section, and whether media is received in it.
    terms: Vec<(bool, String)>,
}

struct Secure {
    inbound: SrtpContext,
    outbound: SrtpContext,
    /// Keeps the association, so that it is not closed.
    dtls: Endpoint,
}

/// A stream that is received.
#[derive(Default)]
struct Received {
    counter: Counter,
    /// The highest sequence number with its laps.
    highest: u32,
}

/// What a transport took in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Packets of media, each once.
    pub(crate) packets: u64,
    /// Packets that came again.
    pub(crate) repeated: u64,
    /// Retransmissions, and probing in their name.
    pub(crate) rtx: u64,
    /// Compounds of RTCP.
    pub(crate) compounds: u64,
    pub(crate) nacks: u64,
    pub(crate) arrivals: u64,
    pub(crate) key_frame: bool,
}

fn token(length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    (0..length)
        .map(|_| char::from(ALPHABET[usize::from(rand::random::<u8>()) % ALPHABET.len()]))
        .collect()
}

impl Transport {
    /// A transport that knows nobody yet.
    ///
    /// # Errors
    /// When the clients' address is not there.
    pub(crate) fn new() -> Result<Self> {
        Self::on(CLIENTS)
    }

    /// The same, on an address of this machine.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn on(address: Ipv4Addr) -> Result<Self> {
        let socket = UdpSocket::bind((address, 0)).context("the clients' address")?;
        set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER)
            .context("a large receive buffer takes CAP_NET_ADMIN")?;
        let provider = rtc_crypto::default_provider()?;
        let certificate = Certificate::generate_self_signed(Vec::new(), provider.crypto())?;
        let der = certificate.certificate.first().context("a certificate")?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        let fingerprint: Vec<String> =
            digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        let own = Own {
            ufrag: token(8),
            password: token(24),
            fingerprint: fingerprint.join(":"),
            address: socket.local_addr()?,
        };
        Ok(Self {
            own,
            remote: None,
            socket,
            provider,
            certificate,
            secure: None,
            received: HashMap::new(),
            count: 0,
            transport_cc: 0,
            packet: Vec::with_capacity(MTU),
        })
    }

    /// How it describes itself.
    pub(crate) fn own(&self) -> &Own {
        &self.own
    }

    /// What to wait for.
    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Checks the path, and shakes hands.
    ///
    /// # Errors
    /// When that does not end well, or in time.
    pub(crate) fn connect(&mut self, remote: &Description, role: Role) -> Result<()> {
        self.socket.connect(remote.address)?;
        self.socket.set_nonblocking(false)?;
        self.socket.set_read_timeout(Some(RETRY / 4))?;
        self.remote = Some(Remote {
            role,
            address: remote.address,
            ufrag: remote.ufrag.clone(),
            password: remote.password.clone(),
            rtx: remote.sections.iter().filter_map(|section| section.rtx).collect(),
            terms: remote.sections.iter().map(|s| (s.sends, s.terms())).collect(),
        });
        let end = Instant::now() + PATIENCE;
        let mut dtls: Option<Endpoint> = None;
        let mut next_check = Instant::now();
        let mut buffer = [0; MTU];
        loop {
            let now = Instant::now();
            ensure!(
                now < end,
                "no connection to {} in {PATIENCE:?}: {}",
                remote.address,
                if dtls.is_some() { "the handshake did not end" } else { "no check was answered" }
            );
            if dtls.is_none() && now >= next_check {
                self.check()?;
                next_check = now + RETRY;
            }
            if let Some(dtls) = &mut dtls {
                dtls.handle_timeout(remote.address, now)?;
                flush(dtls, &self.socket)?;
            }
            let datagram = match self.socket.recv(&mut buffer) {
                Ok(length) => &buffer[..length],
                Err(error) if is_pause(error.kind()) => continue,
                Err(error) => return Err(error.into()),
            };
            match classify(datagram) {
                Datagram::Stun => {
                    let answered = self.stun(datagram)?;
                    if answered && dtls.is_none() {
                        let mut endpoint = self.endpoint(remote.address)?;
                        flush(&mut endpoint, &self.socket)?;
                        dtls = Some(endpoint);
                    }
                }
                Datagram::Dtls => {
                    let Some(endpoint) = &mut dtls else { continue };
                    let events = endpoint.read(
                        Instant::now(),
                        remote.address,
                        None,
                        BytesMut::from(datagram),
                    )?;
                    flush(endpoint, &self.socket)?;
                    if events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete))
                    {
                        break;
                    }
                }
                _ => {}
            }
        }
        let dtls = dtls.context("a handshake that is complete has begun")?;
        let (inbound, outbound) = keys(&dtls, remote.address, self.provider.as_ref())?;
        self.secure = Some(Secure { inbound, outbound, dtls });
        self.socket.set_nonblocking(true)?;
        Ok(())
    }

    /// Sends a connectivity check, which is a sign of life, too.
    ///
    /// # Errors
    /// When nobody has been described yet.
    pub(crate) fn check(&self) -> Result<()> {
        let remote = self.remote.as_ref().context("nobody to check")?;
        let username = format!("{}:{}", remote.ufrag, self.own.ufrag);
        let check = check(remote.role, &username, &remote.password, self.provider.as_ref())?;
        // What the kernel refuses is sent again.
        let _ = self.socket.send(&check);
        Ok(())
    }

    /// Answers a check; whether it is the answer to one of ours.
    fn stun(&self, datagram: &[u8]) -> Result<bool> {
        let remote = self.remote.as_ref().context("nobody was described")?;
        match hear(datagram, remote.address, &self.own.password, self.provider.as_ref())? {
            Heard::Request(answer) => {
                let _ = self.socket.send(&answer);
                Ok(false)
            }
            Heard::Success => Ok(true),
            Heard::Other => Ok(false),
        }
    }

    fn endpoint(&self, remote: SocketAddr) -> Result<Endpoint> {
        let config = ConfigBuilder::default()
            .with_crypto_provider(self.provider.clone())
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            // Nobody else is on the line.
            .with_insecure_skip_verify(true)
            .with_flight_interval(RETRY)
            .build(true, Some(remote))?;
        let mut endpoint = Endpoint::new(self.own.address, TransportProtocol::UDP, None);
        endpoint.connect(Instant::now(), remote, Arc::new(config), None)?;
        Ok(endpoint)
    }

    /// Sends the next packet of `stream`.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub(crate) fn send(
        &mut self,
        stream: &mut Stream,
        timestamp: u32,
        marker: bool,
        payload: &[&[u8]],
    ) -> Result<()> {
        let secure = self.secure.as_mut().context("not connected")?;
        stream.next(timestamp, marker, self.transport_cc, payload, &mut self.packet);
        self.transport_cc = self.transport_cc.wrapping_add(1);
        let sealed = secure.outbound.encrypt_rtp(&self.packet)?;
        // What the kernel refuses is lost, and told as that.
        let _ = self.socket.send(&sealed);
        Ok(())
    }

    /// Tells the server what is received, and what is sent by `streams` since `since`.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub(crate) fn report(&mut self, streams: &[&Stream], since: Instant) -> Result<()> {
        let secure = self.secure.as_mut().context("not connected")?;
        let mut blocks = Vec::new();
        for (ssrc, received) in &self.received {
            report_block(*ssrc, received.counter.lost(), received.highest, &mut blocks);
        }
        let mut compound = Vec::new();
        let seconds = since.elapsed();
        // Any epoch does, as long as it is one for all.
        let fraction = (u64::from(seconds.subsec_nanos()) << 32) / 1_000_000_000;
        let ntp = ((seconds.as_secs() + 3_900_000_000) << 32) | fraction;
        for (at, stream) in streams.iter().enumerate() {
            let blocks = if at == 0 { &blocks[..] } else { &[] };
            stream.report(ntp, seconds.as_secs_f64(), blocks, &mut compound);
        }
        if streams.is_empty() {
            receiver_report(1, &blocks, &mut compound);
        }
        let sealed = secure.outbound.encrypt_rtcp(&compound)?;
        let _ = self.socket.send(&sealed);
        Ok(())
    }

    /// Reads what waits. `sampled` is given the time at the end of some packets' payloads.
    ///
    /// # Errors
    /// When something comes that the server cannot have meant, or it hangs up.
    pub(crate) fn receive(&mut self, mut sampled: impl FnMut(u64)) -> Result<Taken> {
        let mut taken = Taken::default();
        let mut buffer = [0; MTU];
        loop {
            let length = match self.socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if is_pause(error.kind()) => return Ok(taken),
                Err(error) => return Err(error).context("the server cannot be reached"),
            };
            let datagram = &buffer[..length];
            match classify(datagram) {
                Datagram::Rtp => {
                    let Some(seen) = see(datagram) else { continue };
                    self.media(seen, datagram, &mut taken, &mut sampled)?;
                }
                Datagram::Rtcp => {
                    let secure = self.secure.as_mut().context("not connected")?;
                    let clear = secure.inbound.decrypt_rtcp(datagram)?;
                    let Feedback { key_frame, nacks, arrivals } = feedback(&clear);
                    taken.compounds += 1;
                    taken.key_frame |= key_frame;
                    taken.nacks += u64::from(nacks);
                    taken.arrivals += u64::from(arrivals);
                }
                Datagram::Stun => {
                    self.stun(datagram)?;
                }
                Datagram::Dtls => {
                    let (Some(secure), Some(remote)) = (&mut self.secure, &self.remote) else {
                        continue;
                    };
                    let (now, bytes) = (Instant::now(), BytesMut::from(datagram));
                    // A repeated last flight is answered by the association itself.
                    let events = secure.dtls.read(now, remote.address, None, bytes)?;
                    flush(&mut secure.dtls, &self.socket)?;
                    if events.iter().any(|event| matches!(event, EndpointEvent::PeerClosed)) {
                        bail!("the server hung up");
                    }
                }
                Datagram::Other => {}
            }
        }
    }

    fn media(
        &mut self,
        seen: Seen,
        datagram: &[u8],
        taken: &mut Taken,
        sampled: &mut impl FnMut(u64),
    ) -> Result<()> {
        let (Some(secure), Some(remote)) = (&mut self.secure, &self.remote) else { return Ok(()) };
        if remote.rtx.contains(&seen.payload_type) {
            taken.rtx += 1;
            return Ok(());
        }
        let received = self.received.entry(seen.ssrc).or_default();
        if !received.counter.take(seen.sequence) {
            taken.repeated += 1;
            return Ok(());
        }
        let step = seen.sequence.wrapping_sub(received.highest as u16) as i16;
        if received.counter.received() == 1 {
            received.highest = u32::from(seen.sequence);
        } else if step > 0 {
            received.highest = received.highest.wrapping_add(step as u32);
        }
        taken.packets += 1;
        self.count += 1;
        if self.count.is_multiple_of(SAMPLE) {
            let clear = secure.inbound.decrypt_rtp(datagram)?;
            let time = clear.last_chunk().context("a packet without a time")?;
            sampled(u64::from_be_bytes(*time));
        }
        Ok(())
    }

    /// What was agreed for one sound and one picture that are received, or sent.
    pub(crate) fn terms(&self, received: bool) -> String {
        let all = self.remote.iter().flat_map(|remote| &remote.terms);
        let these = all.filter(|(receives, _)| *receives == received);
        these.take(2).map(|(_, terms)| terms.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// How many streams ever came.
    pub(crate) fn streams(&self) -> usize {
        self.received.len()
    }
}

/// Nothing to read, for now.
fn is_pause(kind: ErrorKind) -> bool {
    // A server that is not listening yet is told by ICMP, and asked again.
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn flush(dtls: &mut Endpoint, socket: &UdpSocket) -> Result<()> {
    while let Some(transmit) = dtls.poll_transmit() {
        socket.send(&transmit.message)?;
    }
    Ok(())
}

fn keys(
    dtls: &Endpoint,
    remote: SocketAddr,
    provider: &dyn RTCCryptoProvider,
) -> Result<(SrtpContext, SrtpContext)> {
    let state = dtls.get_connection_state(remote).context("no DTLS state")?;
    ensure!(
        state.srtp_protection_profile() == SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        "the server does not take AES-128-GCM"
    );
    let mut config = SrtpConfig { profile: ProtectionProfile::AeadAes128Gcm, ..Default::default() };
    let length = config.keying_material_len();
    let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length)?;
    config.set_session_keys_from_keying_material(material.as_ref(), true)?;
    let context = |key: &[u8], salt: &[u8]| {
        SrtpContext::new(key, salt, config.profile, None, None, provider.crypto())
    };
    let keys = &config.keys;
    Ok((
        context(&keys.remote_master_key, &keys.remote_master_salt)?,
        context(&keys.local_master_key, &keys.local_master_salt)?,
    ))
}
