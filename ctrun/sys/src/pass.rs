//! Messages between processes on this machine, with descriptors in them.
//!
//! A sequenced-packet socket keeps messages whole; one that is too long is an error, never a shorter message.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};

use crate::{Call, Error, Result};

/// The most descriptors that one message carries.
pub const MAX_FDS: usize = 16;

/// Two connected ends.
pub fn pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .call(|| "socketpair".into())
}

/// Sends `bytes` and `fds` as one message.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Error::new(format!("sendmsg({} descriptors)", fds.len()), Errno::TOOBIG));
    }
    loop {
        match sendmsg(socket.as_fd(), &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(e) => return Err(Error::new(format!("sendmsg({} bytes)", bytes.len()), e)),
        }
    }
}

/// Receives one message of at most `buffer.len()` bytes. `None` means that the other end is closed.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> Result<Option<(usize, Vec<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = loop {
        let mut parts = [IoSliceMut::new(buffer)];
        match recvmsg(socket.as_fd(), &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => break message,
            Err(Errno::INTR) => {}
            Err(Errno::CONNRESET) => return Ok(None),
            Err(e) => return Err(Error::new("recvmsg", e)),
        }
    };
    let mut fds = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = part {
            fds.extend(received);
        }
    }
    if message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(Error::new("recvmsg", Errno::MSGSIZE));
    }
    if message.bytes == 0 && fds.is_empty() {
        return Ok(None);
    }
    Ok(Some((message.bytes, fds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_messages_whole() {
        let (a, b) = pair().unwrap();
        send(&a, b"one", &[a.as_fd()]).unwrap();
        send(&a, b"two", &[]).unwrap();
        let mut buffer = [0; 16];
        let (n, fds) = receive(&b, &mut buffer).unwrap().unwrap();
        assert_eq!((&buffer[..n], fds.len()), (&b"one"[..], 1));
        drop(fds);
        let (n, fds) = receive(&b, &mut buffer).unwrap().unwrap();
        assert_eq!((&buffer[..n], fds.len()), (&b"two"[..], 0));
        send(&a, &[0; 17], &[]).unwrap();
        assert_eq!(receive(&b, &mut buffer).unwrap_err().errno(), Some(Errno::MSGSIZE));
        drop(a);
        assert!(receive(&b, &mut buffer).unwrap().is_none());
    }
}
