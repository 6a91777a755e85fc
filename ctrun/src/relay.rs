//! Our user's terminal and one of the container's, joined.

use std::io::{IsTerminal as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};

use ct_sys::{pass, signal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use crate::control::{Client, DATA, Error, Reply, parse_reply};

/// SIGWINCH, which has this number on every Linux that Rust runs on but MIPS.
pub const WINDOW_CHANGED: i32 = 28;

/// The terminal of our user in raw mode, until this is dropped.
#[derive(Debug)]
pub struct Raw(Option<Termios>);

impl Raw {
    /// Switches standard input, if that is a terminal.
    pub fn stdin() -> Self {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Self(None);
        }
        let Ok(before) = tcgetattr(&stdin) else { return Self(None) };
        let mut raw = before.clone();
        raw.make_raw();
        let _ = tcsetattr(&stdin, OptionalActions::Now, &raw);
        Self(Some(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, before);
        }
    }
}

/// The key that, followed by `q`, leaves a console: the reference's is Ctrl-A.
#[derive(Clone, Copy, Debug)]
pub struct Escape(Option<u8>);

impl Escape {
    /// `a` is Ctrl-A; `-1` or nothing is none.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix('^').unwrap_or(text).as_bytes() {
            b"" | b"-1" => Some(Self(None)),
            [letter] if letter.is_ascii_alphabetic() => Some(Self(Some(letter & 0x1f))),
            _ => None,
        }
    }

    /// None.
    pub const NONE: Self = Self(None);
}

/// Passes bytes both ways until the container ends (its last reply), or the user leaves (none).
///
/// What we type goes straight to the terminal's master; what the guest writes comes through the supervisor, which
/// also keeps its log.
pub fn join(
    client: &Client,
    master: Option<&OwnedFd>,
    escape: Escape,
) -> Result<Option<Reply>, Error> {
    let _raw = Raw::stdin();
    let window = signal::descriptor(&[WINDOW_CHANGED])?;
    copy_window(master);
    let stdin = std::io::stdin();
    let (mut stdin_open, mut escaped) = (master.is_some(), false);
    let mut buffer = [0; crate::control::MAX];
    loop {
        let mut fds =
            vec![PollFd::new(client.socket(), PollFlags::IN), PollFd::new(&window, PollFlags::IN)];
        if stdin_open {
            fds.push(PollFd::new(&stdin, PollFlags::IN));
        }
        if poll(&mut fds, None).is_err() {
            continue;
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if ready[1] {
            while signal::next(&window)?.is_some() {}
            copy_window(master);
        }
        if ready[0] {
            let Some((n, _)) = pass::receive(client.socket(), &mut buffer)? else {
                return Ok(None);
            };
            if buffer[0] == DATA {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(&buffer[1..n]).and_then(|()| out.flush());
            } else {
                return parse_reply(&buffer[..n]).map(Some);
            }
        }
        if ready.get(2) == Some(&true) {
            let n = rustix::io::read(stdin.as_fd(), &mut buffer).unwrap_or(0);
            stdin_open = n > 0;
            if leaves(&buffer[..n], escape, &mut escaped) {
                return Ok(None);
            }
            if let Some(master) = master {
                write_all(master, &buffer[..n]);
            }
        }
    }
}

fn leaves(typed: &[u8], escape: Escape, escaped: &mut bool) -> bool {
    let Escape(Some(key)) = escape else { return false };
    for &byte in typed {
        if *escaped && byte == b'q' {
            return true;
        }
        *escaped = byte == key && !*escaped;
    }
    false
}

/// Writes everything, unless the other side has gone.
pub fn write_all(to: &OwnedFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Gives the container's terminal the size of ours.
pub fn copy_window(master: Option<&OwnedFd>) {
    if let Some(master) = master
        && let Ok(size) = tcgetwinsize(std::io::stdin())
    {
        let _ = tcsetwinsize(master, size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_by_the_escape_and_q() {
        let a = Escape::parse("^a").unwrap();
        let mut escaped = false;
        assert!(!leaves(b"q", a, &mut escaped));
        assert!(!leaves(b"\x01", a, &mut escaped));
        assert!(leaves(b"q", a, &mut escaped));
        let mut escaped = false;
        assert!(!leaves(b"\x01\x01q", a, &mut escaped), "twice is a plain Ctrl-A");
        assert!(!leaves(b"\x01q", Escape::NONE, &mut escaped));
        assert!(Escape::parse("ab").is_none());
    }
}
