//! The terminals' other sides. What the guest writes to its console goes to a log of bounded size and to whoever is connected;
//! what it writes to a tty waits until somebody is.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use ct_sys::{pass, pty};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::control::DATA;
use crate::init::Terminals;

/// The size at which a log is put aside. One old one is kept.
const LOG_SIZE: u64 = 256 * 1024;

/// The terminals of a container.
#[derive(Debug)]
pub struct Console {
    /// Where further ones come from.
    pub devpts: OwnedFd,
    lines: Vec<Line>,
    /// Number 0 is the console; without one, lines start at 1.
    first: u32,
    log: PathBuf,
    file: Option<(File, u64)>,
}

#[derive(Debug)]
struct Line {
    master: OwnedFd,
    /// The guest's side, held open: with nobody there the master would be ready to read for ever, with nothing to read.
    _peer: Option<OwnedFd>,
    client: Option<OwnedFd>,
    /// What the client has not taken yet. Until it has, nothing more is read: the guest waits, the supervisor does not.
    pending: Option<Vec<u8>>,
}

impl Line {
    fn give(&mut self, bytes: &[u8]) {
        let Some(client) = &self.client else { return };
        match pass::send(client, bytes, &[]) {
            Ok(()) => {}
            Err(e) if e.errno() == Some(rustix::io::Errno::AGAIN) => {
                self.pending = Some(bytes.to_vec());
            }
            Err(_) => self.client = None,
        }
    }

    /// Waits, at the end and not for ever, until the client has taken what is pending. One that does not is given up.
    fn wait_for_client(&mut self) -> bool {
        while let (Some(pending), Some(client)) = (self.pending.take(), &self.client) {
            let mut fds = [PollFd::new(client, PollFlags::OUT)];
            let patience = Timespec { tv_sec: 5, tv_nsec: 0 };
            if !poll(&mut fds, Some(&patience)).is_ok_and(|n| n > 0) {
                self.client = None;
                break;
            }
            self.give(&pending);
        }
        true
    }
}

impl Console {
    /// Takes the terminals over.
    pub fn new(terminals: Terminals, console: bool, log: PathBuf) -> Self {
        let line = |master: OwnedFd| Line {
            _peer: pty::open_peer(&master).ok(),
            master,
            client: None,
            pending: None,
        };
        let lines = terminals.masters.into_iter().map(line).collect();
        Self { devpts: terminals.devpts, lines, first: u32::from(!console), log, file: None }
    }

    /// The master of a terminal.
    pub fn master(&self, number: u32) -> Option<&OwnedFd> {
        let index = number.checked_sub(self.first)?;
        self.lines.get(index as usize).map(|line| &line.master)
    }

    /// Connects a user.
    pub fn connect(&mut self, number: u32, client: OwnedFd) -> Result<(), String> {
        let index = number.checked_sub(self.first).ok_or("the container has no console")?;
        let line = self
            .lines
            .get_mut(index as usize)
            .ok_or_else(|| format!("the container has no tty{number}"))?;
        if line.client.is_some() {
            return Err("somebody is connected to it already".into());
        }
        let _ = rustix::io::ioctl_fionbio(&client, true);
        line.client = Some(client);
        Ok(())
    }

    /// Masters to watch: the console always, a tty while somebody is there to read it.
    pub fn watched(&self) -> impl Iterator<Item = (usize, &OwnedFd)> {
        let console = self.first == 0;
        self.lines
            .iter()
            .enumerate()
            .filter(move |(n, line)| {
                line.pending.is_none() && ((*n == 0 && console) || line.client.is_some())
            })
            .map(|(n, line)| (n, &line.master))
    }

    /// The users, to notice when one leaves.
    pub fn clients(&self) -> impl Iterator<Item = (usize, &OwnedFd)> {
        self.lines.iter().enumerate().filter_map(|(n, line)| Some((n, line.client.as_ref()?)))
    }

    /// Users who have something to take still.
    pub fn slow_clients(&self) -> impl Iterator<Item = (usize, &OwnedFd)> {
        self.clients().filter(|(n, _)| self.lines[*n].pending.is_some())
    }

    /// Disconnects a user.
    pub fn disconnect(&mut self, line: usize) -> Option<OwnedFd> {
        let line = self.lines.get_mut(line)?;
        line.pending = None;
        line.client.take()
    }

    /// Gives a user what is pending, who may be ready to take it now.
    pub fn flush(&mut self, number: usize) {
        let Some(line) = self.lines.get_mut(number) else { return };
        if let Some(pending) = line.pending.take() {
            line.give(&pending);
        }
    }

    /// Passes on what the guest has written. Tells whether there may be more.
    pub fn pump(&mut self, number: usize) -> bool {
        let mut buffer = [0; 4096];
        buffer[0] = DATA;
        let Some(line) = self.lines.get_mut(number) else { return false };
        let Ok(n @ 1..) = rustix::io::read(&line.master, &mut buffer[1..]) else { return false };
        line.give(&buffer[..=n]);
        if number == 0 && self.first == 0 {
            self.write_log(&buffer[1..=n]);
        }
        true
    }

    /// Passes on what is left after the guest has ended.
    pub fn drain(&mut self) {
        for number in 0..self.lines.len() {
            let line = &self.lines[number];
            if (number == 0 && self.first == 0) || line.client.is_some() {
                let _ = rustix::io::ioctl_fionbio(line.master.as_fd(), true);
                while self.lines[number].wait_for_client() && self.pump(number) {}
                self.lines[number].wait_for_client();
            }
        }
    }

    /// A log that cannot be written is no reason to disturb the guest.
    fn write_log(&mut self, bytes: &[u8]) {
        if self.file.as_ref().is_some_and(|(_, size)| *size > LOG_SIZE) {
            self.file = None;
            let _ = fs::rename(&self.log, self.log.with_extension("log.1"));
        }
        if self.file.is_none() {
            if let Some(parent) = self.log.parent() {
                let _ = fs::create_dir_all(parent);
            }
            let open = File::options().create(true).append(true).open(&self.log);
            self.file = open.ok().map(|f| {
                let size = f.metadata().map_or(0, |m| m.len());
                (f, size)
            });
        }
        if let Some((file, size)) = &mut self.file
            && file.write_all(bytes).is_ok()
        {
            *size += bytes.len() as u64;
        }
    }
}
