//! Every system call that has no safe form: many datagrams at once, with the address of ours they
//! came to and leave from, and with segmentation offload.
#![expect(
    unsafe_code,
    reason = "recvmmsg, sendmmsg and getifaddrs have no safe form that does what is needed"
)]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use libc::{
    c_int, c_void, cmsghdr, in_pktinfo, in6_pktinfo, iovec, mmsghdr, msghdr, sockaddr_in,
    sockaddr_in6, sockaddr_storage,
};
use palabre_sfu_core::Path;

/// How many datagrams are read at once. More lets one batch delay the next one's commands.
pub(crate) const BATCH: usize = 64;
/// Room for a datagram: more than any path's MTU that is met. What is longer is dropped.
const SLOT: usize = 2_048;
/// The kernel takes no more messages at once (`UIO_MAXIOV`).
const MAX_MESSAGES: usize = 1_024;

/// Room for the control messages of one datagram, aligned as `cmsghdr` wants.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 128]);

/// Makes a socket tell, with each datagram, the address of ours that it came to.
pub(crate) fn tell_local_address(socket: &impl AsFd, v6: bool) -> io::Result<()> {
    let (level, option) = if v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
    } else {
        (libc::IPPROTO_IP, libc::IP_PKTINFO)
    };
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

/// Datagrams read at once, and the room for them.
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    names: Vec<sockaddr_storage>,
    controls: Vec<Control>,
    vectors: Vec<iovec>,
    headers: Vec<mmsghdr>,
    /// For a datagram that does not say which address of ours it came to.
    bound: IpAddr,
}

impl Incoming {
    pub(crate) fn new(bound: IpAddr) -> Self {
        Self {
            bytes: vec![0; BATCH * SLOT],
            // SAFETY: all-zero bytes are a valid sockaddr_storage, iovec and mmsghdr.
            names: vec![unsafe { zeroed() }; BATCH],
            controls: vec![Control([0; 128]); BATCH],
            // SAFETY: as above.
            vectors: vec![unsafe { zeroed() }; BATCH],
            // SAFETY: as above.
            headers: vec![unsafe { zeroed() }; BATCH],
            bound,
        }
    }

    /// Reads what waits, without waiting for more; gives how many datagrams there are.
    pub(crate) fn receive(&mut self, socket: &impl AsFd) -> io::Result<usize> {
        let parts = self
            .vectors
            .iter_mut()
            .zip(&mut self.headers)
            .zip(&mut self.names)
            .zip(&mut self.controls);
        for ((((vector, header), name), control), bytes) in
            parts.zip(self.bytes.chunks_exact_mut(SLOT))
        {
            *vector = iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: SLOT };
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = size_of::<sockaddr_storage>() as u32;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = size_of::<Control>();
            header.msg_hdr.msg_flags = 0;
        }
        // SAFETY: each of the BATCH headers points, as just written, into vectors of this struct
        // that are not touched until the call is over, with their true lengths.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_fd().as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// The datagram read as number `at`, and how it came; `None` when it cannot be used.
    pub(crate) fn get(&mut self, at: usize) -> Option<(Path, &mut [u8])> {
        let header = self.headers.get(at)?;
        if header.msg_hdr.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 {
            return None;
        }
        let remote = read_address(self.names.get(at)?)?;
        let local = came_to(&header.msg_hdr).unwrap_or(self.bound);
        let len = header.msg_len as usize;
        let bytes = self.bytes.get_mut(at * SLOT..(at + 1) * SLOT)?.get_mut(..len)?;
        Some((
            Path::udp(
                local.to_canonical(),
                SocketAddr::new(remote.ip().to_canonical(), remote.port()),
            ),
            bytes,
        ))
    }
}

/// The address of ours that a datagram came to.
fn came_to(header: &msghdr) -> Option<IpAddr> {
    // SAFETY: the kernel filled the control buffer that `header` points to and set its length; the
    // CMSG macros stay within it, and the data are read unaligned with the type their kind names.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(cmsg) = control.as_ref() {
            let data = libc::CMSG_DATA(cmsg);
            match (cmsg.cmsg_level, cmsg.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = data.cast::<in_pktinfo>().read_unaligned();
                    return Some(IpAddr::V4(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes())));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = data.cast::<in6_pktinfo>().read_unaligned();
                    return Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
                }
                _ => control = libc::CMSG_NXTHDR(header, cmsg),
            }
        }
    }
    None
}

fn read_address(storage: &sockaddr_storage) -> Option<SocketAddr> {
    match c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: a sockaddr_storage of this family holds a sockaddr_in and is aligned for it.
            let v4 = unsafe { &*ptr::from_ref(storage).cast::<sockaddr_in>() };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(v4.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above, a sockaddr_in6.
            let v6 = unsafe { &*ptr::from_ref(storage).cast::<sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::V6(SocketAddrV6::new(
                ip,
                u16::from_be(v6.sin6_port),
                0,
                v6.sin6_scope_id,
            )))
        }
        _ => None,
    }
}

/// The room for messages that are sent at once.
#[derive(Default)]
pub(crate) struct Outgoing {
    vectors: Vec<iovec>,
    /// For each message: its path, its segment size (0 without segmentation), its vectors.
    messages: Vec<(Path, u16, std::ops::Range<usize>)>,
    names: Vec<sockaddr_storage>,
    controls: Vec<Control>,
    headers: Vec<mmsghdr>,
}

/// What became of one message.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The kernel has it.
    Done,
    /// It did not take it.
    Refused(io::Error),
}

impl Outgoing {
    /// Begins a batch of messages whose bytes live for `'a`.
    pub(crate) fn begin<'a>(&'a mut self) -> Messages<'a> {
        self.vectors.clear();
        self.messages.clear();
        Messages { room: self }
    }
}

/// A batch of messages being put together.
pub(crate) struct Messages<'a> {
    room: &'a mut Outgoing,
}

impl<'a> Messages<'a> {
    /// Adds a message of one datagram, or of several of `segment` bytes but the last.
    pub(crate) fn push(
        &mut self,
        path: Path,
        segment: usize,
        datagrams: impl Iterator<Item = &'a [u8]>,
    ) {
        let start = self.room.vectors.len();
        self.room.vectors.extend(datagrams.map(|bytes| iovec {
            iov_base: bytes.as_ptr().cast_mut().cast::<c_void>(),
            iov_len: bytes.len(),
        }));
        let end = self.room.vectors.len();
        let segment = if end - start > 1 { u16::try_from(segment).unwrap_or(0) } else { 0 };
        self.room.messages.push((path, segment, start..end));
    }

    /// Sends what was added, in order, and tells of each message in turn. When the kernel has no
    /// room left, that is told of one message and the rest is not tried.
    pub(crate) fn send(self, socket: &impl AsFd, v6: bool, mut told: impl FnMut(usize, Sent)) {
        let room = self.room;
        let count = room.messages.len();
        // SAFETY: all-zero bytes are a valid sockaddr_storage and mmsghdr.
        room.names.resize(count, unsafe { zeroed() });
        room.controls.resize(count, Control([0; 128]));
        // SAFETY: as above.
        room.headers.resize(count, unsafe { zeroed() });
        let parts = room.headers.iter_mut().zip(&mut room.names).zip(&mut room.controls);
        for (((header, name), control), (path, segment, vectors)) in parts.zip(&room.messages) {
            header.msg_hdr.msg_namelen = write_address(path.remote, v6, name);
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_iov = room.vectors[vectors.clone()].as_mut_ptr();
            header.msg_hdr.msg_iovlen = vectors.len();
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = size_of::<Control>();
            header.msg_hdr.msg_controllen =
                write_control(&mut header.msg_hdr, path.local, v6, *segment);
        }
        let mut next = 0;
        while next < count {
            let some = (count - next).min(MAX_MESSAGES);
            // SAFETY: `next + some` headers exist; each points into vectors of this struct, and
            // through them to bytes that live for 'a, which this value's life is within. The
            // kernel only reads them.
            let taken = unsafe {
                libc::sendmmsg(
                    socket.as_fd().as_raw_fd(),
                    room.headers[next..].as_mut_ptr(),
                    some as u32,
                    libc::MSG_DONTWAIT,
                )
            };
            match usize::try_from(taken) {
                Ok(taken) if taken > 0 => {
                    (next..next + taken).for_each(|at| told(at, Sent::Done));
                    next += taken;
                }
                _ => {
                    let error = io::Error::last_os_error();
                    let full = error.kind() == io::ErrorKind::WouldBlock;
                    if error.kind() == io::ErrorKind::Interrupted {
                        continue;
                    }
                    told(next, Sent::Refused(error));
                    if full {
                        return;
                    }
                    next += 1;
                }
            }
        }
    }
}

fn write_address(address: SocketAddr, v6: bool, storage: &mut sockaddr_storage) -> u32 {
    match (address, v6) {
        (SocketAddr::V4(v4), false) => {
            // SAFETY: a sockaddr_storage has the size and alignment for any address.
            let place = unsafe { &mut *ptr::from_mut(storage).cast::<sockaddr_in>() };
            // SAFETY: all-zero bytes are a valid sockaddr_in.
            *place = unsafe { zeroed() };
            place.sin_family = libc::AF_INET as u16;
            place.sin_port = v4.port().to_be();
            place.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
            size_of::<sockaddr_in>() as u32
        }
        _ => {
            // SAFETY: as above.
            let place = unsafe { &mut *ptr::from_mut(storage).cast::<sockaddr_in6>() };
            // SAFETY: as above.
            *place = unsafe { zeroed() };
            place.sin6_family = libc::AF_INET6 as u16;
            place.sin6_port = address.port().to_be();
            place.sin6_addr.s6_addr = mapped(address.ip()).octets();
            if let SocketAddr::V6(v6) = address {
                place.sin6_scope_id = v6.scope_id();
            }
            size_of::<sockaddr_in6>() as u32
        }
    }
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// Writes which address of ours the message leaves from, and its segment size; gives the length
/// written. `header` points to a whole `Control`.
fn write_control(header: &mut msghdr, local: IpAddr, v6: bool, segment: u16) -> usize {
    // SAFETY: `header.msg_control` points to a Control, whose 128 bytes hold the two largest of
    // these messages (40 and 24); the macros compute places within it, and each value is written
    // unaligned with the size that its CMSG_LEN names.
    unsafe {
        let mut used = 0;
        let mut put = |cmsg: *mut cmsghdr, level: c_int, kind: c_int, len: usize| -> *mut u8 {
            (*cmsg).cmsg_level = level;
            (*cmsg).cmsg_type = kind;
            (*cmsg).cmsg_len = libc::CMSG_LEN(len as u32) as usize;
            used += libc::CMSG_SPACE(len as u32) as usize;
            libc::CMSG_DATA(cmsg)
        };
        let mut cmsg = libc::CMSG_FIRSTHDR(header);
        if v6 {
            let info = in6_pktinfo {
                ipi6_addr: libc::in6_addr { s6_addr: mapped(local).octets() },
                ipi6_ifindex: 0,
            };
            let data = put(cmsg, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, size_of::<in6_pktinfo>());
            data.cast::<in6_pktinfo>().write_unaligned(info);
            cmsg = cmsg
                .cast::<u8>()
                .add(libc::CMSG_SPACE(size_of::<in6_pktinfo>() as u32) as usize)
                .cast();
        } else if let IpAddr::V4(local) = local {
            let address = libc::in_addr { s_addr: u32::from_ne_bytes(local.octets()) };
            let info = in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: address,
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            let data = put(cmsg, libc::IPPROTO_IP, libc::IP_PKTINFO, size_of::<in_pktinfo>());
            data.cast::<in_pktinfo>().write_unaligned(info);
            cmsg = cmsg
                .cast::<u8>()
                .add(libc::CMSG_SPACE(size_of::<in_pktinfo>() as u32) as usize)
                .cast();
        }
        if segment > 0 {
            let data = put(cmsg, libc::SOL_UDP, libc::UDP_SEGMENT, size_of::<u16>());
            data.cast::<u16>().write_unaligned(segment);
        }
        used
    }
}

/// The addresses of this machine's interfaces that are up, the loopback's last, without those
/// that only reach a neighbour.
///
/// # Errors
/// When the system does not tell them.
pub fn local_addresses() -> io::Result<Vec<IpAddr>> {
    let mut first: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: getifaddrs writes a list to `first`, which is freed below and not used after.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut addresses = Vec::new();
    let mut next = first;
    // SAFETY: `next` walks the list that getifaddrs made until its end; ifa_addr is null or points
    // to an address of the family it names.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        let up = entry.ifa_flags & libc::IFF_UP as u32 != 0;
        // SAFETY: as above.
        let family =
            unsafe { entry.ifa_addr.as_ref() }.map(|address| c_int::from(address.sa_family));
        let ip = match family.filter(|_| up) {
            // SAFETY: as above.
            Some(libc::AF_INET) => IpAddr::V4(Ipv4Addr::from(
                unsafe { (*entry.ifa_addr.cast::<sockaddr_in>()).sin_addr.s_addr }.to_ne_bytes(),
            )),
            // SAFETY: as above.
            Some(libc::AF_INET6) => IpAddr::V6(Ipv6Addr::from(unsafe {
                (*entry.ifa_addr.cast::<sockaddr_in6>()).sin6_addr.s6_addr
            })),
            _ => continue,
        };
        let neighbour = match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        if !neighbour && !addresses.contains(&ip) {
            addresses.push(ip);
        }
    }
    // SAFETY: `first` came from getifaddrs and is freed once.
    unsafe { libc::freeifaddrs(first) };
    addresses.sort_by_key(IpAddr::is_loopback);
    Ok(addresses)
}

#[cfg(test)]
#[path = "sys/tests.rs"]
mod tests;
