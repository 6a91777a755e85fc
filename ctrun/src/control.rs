//! What the supervisor can be asked, through the socket in the container's directory below `/run`.
//!
//! One message a request, one or more a reply; the socket keeps messages whole and a message that is too long is refused.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use ct_sys::pass;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use serde::{Deserialize, Serialize};

use crate::teardown::ended;

/// The longest message.
pub const MAX: usize = 8192;

/// What comes before the bytes of a terminal, to tell them from a reply.
pub const DATA: u8 = b'>';

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Tell me when it has ended and nothing of it is left.
    Wait,
    /// When it has ended, start it again.
    StartAgain,
    /// Give me a new terminal of the container, for a program that I run in it.
    Terminal,
    /// Connect me with a terminal: 0 is the console.
    Attach(u32),
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done; with the master of a terminal where one was asked for.
    Done,
    /// It runs. The first of two replies to a start.
    Started,
    /// It ran already, without a supervisor; now it has one again.
    TakenOver,
    /// It has ended.
    Ended(Ended),
    /// It could not be done.
    Error(String),
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// Init exited with this status.
    Exited(i32),
    /// Init was killed by this signal.
    Killed(i32),
    /// The guest switched itself off.
    Halted,
    /// The guest restarts.
    Rebooted,
    /// Nobody knows.
    Unknown,
}

/// A connection that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no supervisor.
    #[error("the container's supervisor does not answer: {0}")]
    NoSupervisor(rustix::io::Errno),
    /// It went away before it answered.
    #[error("the container's supervisor went away")]
    Gone,
    /// It did not answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// It said something else.
    #[error("the container's supervisor said something that does not belong here: {0}")]
    Protocol(String),
    /// The socket failed.
    #[error(transparent)]
    Sys(#[from] ct_sys::Error),
}

/// The asking end.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
}

impl Client {
    /// Connects to the supervisor whose directory is `dir`.
    pub fn connect(dir: &Path) -> Result<Self, Error> {
        let socket = open()?;
        let address = SocketAddrUnix::new(dir.join("control")).map_err(Error::NoSupervisor)?;
        connect(&socket, &address).map_err(Error::NoSupervisor)?;
        Ok(Self { socket })
    }

    /// Speaks through a connection that exists already.
    pub fn from_socket(socket: OwnedFd) -> Self {
        Self { socket }
    }

    /// The socket, to be polled.
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Asks.
    pub fn ask(&self, request: &Request) -> Result<(), Error> {
        let text = serde_json::to_vec(request).map_err(|e| Error::Protocol(e.to_string()))?;
        Ok(pass::send(&self.socket, &text, &[])?)
    }

    /// Waits for a reply and the descriptors with it.
    pub fn reply(&self, timeout: Option<Duration>) -> Result<(Reply, Vec<OwnedFd>), Error> {
        if !ended(&self.socket, timeout) {
            return Err(Error::Timeout(timeout.unwrap_or_default()));
        }
        let mut buffer = [0; MAX];
        let (n, fds) = pass::receive(&self.socket, &mut buffer)?.ok_or(Error::Gone)?;
        match parse_reply(&buffer[..n])? {
            Reply::Error(message) => Err(Error::Refused(message)),
            reply => Ok((reply, fds)),
        }
    }
}

/// Reads a reply.
pub fn parse_reply(bytes: &[u8]) -> Result<Reply, Error> {
    serde_json::from_slice(bytes).map_err(|e| Error::Protocol(e.to_string()))
}

/// Sends a reply; whoever asked may have gone, which is no error.
pub fn send_reply(to: impl AsFd, reply: &Reply, fds: &[std::os::fd::BorrowedFd<'_>]) -> bool {
    serde_json::to_vec(reply).is_ok_and(|text| pass::send(to, &text, fds).is_ok())
}

/// Makes the supervisor's end in its directory.
pub fn serve(dir: &Path) -> Result<OwnedFd, Error> {
    let socket = open()?;
    let path = dir.join("control");
    let fail = |call: &str, e: rustix::io::Errno| {
        Error::Sys(ct_sys::Error::new(format!("{call}({})", path.display()), e))
    };
    let _ = std::fs::remove_file(&path);
    let address = SocketAddrUnix::new(&path).map_err(|e| fail("bind", e))?;
    bind(&socket, &address).map_err(|e| fail("bind", e))?;
    listen(&socket, 16).map_err(|e| fail("listen", e))?;
    Ok(socket)
}

fn open() -> Result<OwnedFd, Error> {
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|e| Error::Sys(ct_sys::Error::new("socket(SEQPACKET)", e)))
}
