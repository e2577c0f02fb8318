//! The system calls that have no safe form: many datagrams of a socket at once, joined by the kernel
//! where it can and with the time they came, and several datagrams sent as one.
#![expect(
    unsafe_code,
    reason = "recvmmsg, sendmsg with segments, and their options have no safe form"
)]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use libc::{c_int, iovec, mmsghdr, msghdr, timespec};

/// Messages read at once, each of which may be many datagrams.
const BATCH: usize = 16;
/// What the kernel joins at most.
const SLOT: usize = 65_536;
/// The kernel takes no more segments at once (`UDP_MAX_SEGMENTS`).
const MAX_SEGMENTS: usize = 64;
/// Nor more bytes than an IPv4 datagram holds.
const MAX_BYTES: usize = 65_000;

/// Room for the control messages of one message, aligned as `cmsghdr` wants.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 128]);

fn set(socket: &impl AsFd, level: c_int, option: c_int) -> io::Result<()> {
    let on: c_int = 1;
    // SAFETY: the option's value is an int that outlives the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            size_of::<c_int>() as u32,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes a UDP socket join what comes together, and tell when it came.
///
/// # Errors
/// When the kernel is older than Linux 5.0.
pub(super) fn prepare(socket: &impl AsFd) -> io::Result<()> {
    set(socket, libc::SOL_UDP, libc::UDP_GRO)?;
    set(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)
}

/// The same moment by the two clocks: the kernel stamps what comes with the wall's.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    now: Instant,
    wall: Duration,
}

impl Clocks {
    fn read() -> Self {
        let wall = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let wall = Duration::new(wall.tv_sec as u64, wall.tv_nsec as u32);
        Self { now: Instant::now(), wall }
    }

    /// When a datagram came: a wall clock that jumped meanwhile cannot put it into the future.
    fn came(self, wall: Duration) -> Instant {
        let ago = self.wall.saturating_sub(wall);
        self.now.checked_sub(ago).unwrap_or(self.now)
    }
}

/// The room for what is read at once.
pub(super) struct Incoming {
    bytes: Vec<u8>,
    controls: Vec<Control>,
    vectors: Vec<iovec>,
    headers: Vec<mmsghdr>,
}

// SAFETY: the pointers in `vectors` and `headers` are written before each use and lead into this
// value's own buffers; nothing else is reached by them.
unsafe impl Send for Incoming {}

impl Incoming {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; BATCH * SLOT],
            controls: vec![Control([0; 128]); BATCH],
            // SAFETY: all-zero bytes are a valid iovec.
            vectors: vec![unsafe { zeroed() }; BATCH],
            // SAFETY: all-zero bytes are a valid mmsghdr.
            headers: vec![unsafe { zeroed() }; BATCH],
        }
    }

    /// Reads what waits, and gives each datagram with the moment it came. False when nothing waits
    /// any more.
    ///
    /// # Errors
    /// Those of `recvmmsg`, but for having nothing to read.
    pub(super) fn receive(
        &mut self,
        socket: &impl AsFd,
        mut datagram: impl FnMut(Instant, &[u8]),
    ) -> io::Result<bool> {
        let parts = self.vectors.iter_mut().zip(&mut self.headers).zip(&mut self.controls);
        for (((vector, header), control), bytes) in parts.zip(self.bytes.chunks_exact_mut(SLOT)) {
            *vector = iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: SLOT };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = size_of::<Control>();
            header.msg_hdr.msg_flags = 0;
        }
        // SAFETY: each of the BATCH headers points, as just written, into vectors of this value that
        // are not touched until the call is over, with their true lengths.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_fd().as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock => Ok(false),
                io::ErrorKind::Interrupted => Ok(true),
                _ => Err(error),
            };
        };
        // What came before it was read came before now.
        let clocks = Clocks::read();
        for (header, bytes) in self.headers[..count].iter().zip(self.bytes.chunks_exact(SLOT)) {
            let joined = &bytes[..(header.msg_len as usize).min(SLOT)];
            let (segment, at) = told(&header.msg_hdr);
            let at = at.map_or(clocks.now, |wall| clocks.came(wall));
            joined.chunks(segment.filter(|size| *size > 0).unwrap_or(SLOT)).for_each(|one| {
                datagram(at, one);
            });
        }
        Ok(count == BATCH)
    }
}

/// What the kernel says of a message: the size of its datagrams, when it joined several, and when it
/// came, by the wall's clock.
fn told(header: &msghdr) -> (Option<usize>, Option<Duration>) {
    let (mut segment, mut at) = (None, None);
    // SAFETY: the kernel filled the control buffer that `header` points to and set its length; the
    // CMSG macros stay within it, and the data are read unaligned with the type their kind names.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(cmsg) = control.as_ref() {
            let data = libc::CMSG_DATA(cmsg);
            match (cmsg.cmsg_level, cmsg.cmsg_type) {
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    segment = usize::try_from(data.cast::<c_int>().read_unaligned()).ok();
                }
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    let time = data.cast::<timespec>().read_unaligned();
                    at = Some(Duration::new(time.tv_sec as u64, time.tv_nsec as u32));
                }
                _ => {}
            }
            control = libc::CMSG_NXTHDR(header, cmsg);
        }
    }
    (segment, at)
}

/// What became of datagrams that were sent together.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// How many left.
    pub(super) left: usize,
    /// Why the first of the others did not.
    pub(super) error: Option<io::Error>,
}

/// Sends datagrams by a connected socket, those of one size together; the last of a group may be
/// shorter. What the kernel refuses is lost, as on any network, and is told.
pub(super) fn send<B: AsRef<[u8]>>(socket: &impl AsFd, datagrams: &[B]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rest = datagrams;
    while let Some(first) = rest.first() {
        let size = first.as_ref().len();
        let most = MAX_SEGMENTS.min(MAX_BYTES / size.max(1)).max(1);
        let full = rest.iter().take(most).take_while(|next| next.as_ref().len() == size).count();
        let tail = rest.get(full).is_some_and(|next| full < most && next.as_ref().len() < size);
        let (group, after) = rest.split_at(full + usize::from(tail));
        rest = after;
        match send_group(socket, group, size) {
            Ok(()) => outcome.left += group.len(),
            Err(error) => outcome.error = outcome.error.or(Some(error)),
        }
    }
    outcome
}

fn send_group<B: AsRef<[u8]>>(socket: &impl AsFd, group: &[B], size: usize) -> io::Result<()> {
    let mut vectors: Vec<iovec> = group
        .iter()
        .map(AsRef::as_ref)
        .map(|one| iovec { iov_base: one.as_ptr().cast_mut().cast(), iov_len: one.len() })
        .collect();
    let mut control = Control([0; 128]);
    // SAFETY: all-zero bytes are a valid msghdr.
    let mut header: msghdr = unsafe { zeroed() };
    header.msg_iov = vectors.as_mut_ptr();
    header.msg_iovlen = vectors.len();
    if group.len() > 1 {
        header.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: the control buffer's 128 bytes hold one message of two bytes; the macros compute
        // places within it, and the value is written unaligned.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(size_of::<u16>() as u32) as usize;
            let cmsg = libc::CMSG_FIRSTHDR(&raw const header);
            (*cmsg).cmsg_level = libc::SOL_UDP;
            (*cmsg).cmsg_type = libc::UDP_SEGMENT;
            (*cmsg).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as usize;
            libc::CMSG_DATA(cmsg).cast::<u16>().write_unaligned(size as u16);
        }
    }
    // SAFETY: the header points to vectors, bytes and a control buffer that outlive the call; the
    // kernel only reads them.
    let sent =
        unsafe { libc::sendmsg(socket.as_fd().as_raw_fd(), &raw const header, libc::MSG_DONTWAIT) };
    // A group leaves whole, or not at all.
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_is_sent_together_comes_apart_and_in_order_and_with_its_time() {
        let (here, there) = (UdpSocket::bind("127.0.0.1:0"), UdpSocket::bind("127.0.0.1:0"));
        let (here, there) = (here.expect("a socket"), there.expect("a socket"));
        here.connect(there.local_addr().expect("bound")).expect("connected");
        prepare(&there).expect("a kernel of today");
        let before = Instant::now();
        // Two groups: the short one ends the first; the last is longer than the one before.
        let sizes = [1_100, 1_100, 1_100, 300, 60, 900];
        let sent: Vec<Vec<u8>> = sizes.iter().zip(0..).map(|(size, at)| vec![at; *size]).collect();
        let outcome = send(&here, &sent);
        assert!(outcome.left == sent.len() && outcome.error.is_none(), "{outcome:?}");
        let (mut incoming, mut got) = (Incoming::new(), Vec::new());
        while got.len() < sent.len() {
            there.set_nonblocking(false).expect("a socket");
            there.peek(&mut [0]).expect("something comes");
            let read = incoming.receive(&there, |at, one| {
                got.push((at, one.to_vec()));
            });
            assert!(!read.expect("read"), "no more than a batch");
        }
        // The two clocks are read one after the other: their difference is known to microseconds.
        let slack = Duration::from_millis(5);
        assert!(got.iter().all(|(at, _)| *at + slack >= before && *at <= Instant::now()));
        assert_eq!(got.into_iter().map(|(_, one)| one).collect::<Vec<_>>(), sent);
        let nothing = incoming.receive(&there, |_, _| panic!("nothing is left"));
        assert!(!nothing.expect("read"));
    }

    #[test]
    fn what_does_not_leave_is_not_counted_and_says_why() {
        let here = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let nobody = UdpSocket::bind("127.0.0.1:0").expect("a socket").local_addr().expect("bound");
        here.connect(nobody).expect("connected");
        assert_eq!(send(&here, &[b"gone"]).left, 1, "nobody knows yet");
        // On loopback the answer that nobody is there has come by now.
        let outcome = send(&here, &[b"one"]);
        let kind = outcome.error.map(|error| error.kind());
        assert_eq!((outcome.left, kind), (0, Some(io::ErrorKind::ConnectionRefused)));
        let too_long = vec![0; 65_600];
        let outcome = send(&here, &[&b"short"[..], &too_long]);
        assert!(outcome.left == 1 && outcome.error.is_some(), "{outcome:?}");
    }
}
