//! Open files passed from process to process.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Files in one message at most.
const MAX_FDS: usize = 4;

/// Sends a line, and files with it.
pub(super) async fn send<'a>(
    stream: &UnixStream,
    line: &[u8],
    fds: impl Iterator<Item = &'a OwnedFd>,
) -> io::Result<()> {
    let fds: Vec<_> = fds.take(MAX_FDS).map(|fd| fd.as_fd()).collect();
    let sent = stream
        .async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            assert!(control.push(SendAncillaryMessage::ScmRights(&fds)), "there is space for it");
            Ok(sendmsg(stream, &[IoSlice::new(line)], &mut control, SendFlags::NOSIGNAL)?)
        })
        .await?;
    // A line is far smaller than what an empty socket takes at once.
    if sent == line.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Reads what there is, and the files that come with it. Gives how many bytes; 0 at the end.
pub(super) async fn receive(
    stream: &UnixStream,
    read: &mut Vec<u8>,
    fds: &mut VecDeque<OwnedFd>,
) -> io::Result<usize> {
    stream
        .async_io(Interest::READABLE, || {
            let mut bytes = [0; 1_024];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut into = [IoSliceMut::new(&mut bytes)];
            let got = recvmsg(stream, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(sent) = message {
                    fds.extend(sent);
                }
            }
            read.extend_from_slice(&bytes[..got]);
            Ok(got)
        })
        .await
}
