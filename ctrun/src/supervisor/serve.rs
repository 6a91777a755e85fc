//! The supervisor's loop: init's end, requests, terminals.

use std::os::fd::{AsFd, OwnedFd};

use ct_sys::clone::Child;
use ct_sys::{pass, pidfd, pty};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{SocketFlags, accept_with, sockopt};

use super::Console;
use crate::control::{self, Ended, MAX, Reply, Request};

/// What the supervisor does while the container runs.
#[derive(Debug)]
pub struct Server {
    listener: OwnedFd,
    init: Child,
    console: Console,
    /// Connected, and nothing asked yet.
    fresh: Vec<OwnedFd>,
    /// To be told of the end.
    waiting: Vec<OwnedFd>,
    foreground: bool,
    again: bool,
}

#[derive(Clone, Copy)]
enum Source {
    Init,
    Listener,
    Fresh(usize),
    Waiting(usize),
    Terminal(usize),
    User(usize),
    SlowUser(usize),
}

/// More connections at once than anybody needs.
const MOST_CLIENTS: usize = 64;

impl Server {
    /// Serves the container whose process 1 is `init`.
    pub fn new(listener: OwnedFd, init: Child, console: Console) -> Self {
        Self {
            listener,
            init,
            console,
            fresh: Vec::new(),
            waiting: Vec::new(),
            foreground: false,
            again: false,
        }
    }

    /// The terminals.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// Whether somebody asked for another start.
    pub fn start_again(&self) -> bool {
        self.again
    }

    /// Makes whoever ordered the start the console's user, who is also told of the end.
    pub fn adopt_console_client(&mut self, client: OwnedFd) {
        let number = u32::from(self.console.master(0).is_none());
        if self.console.connect(number, client).is_ok() {
            self.foreground = true;
        }
    }

    /// Serves until process 1 has ended.
    pub fn until_end(&mut self) -> Ended {
        loop {
            for source in self.ready() {
                match source {
                    Source::Init => return self.take_status(),
                    Source::Listener => self.accept(),
                    Source::Fresh(n) => self.request(n),
                    Source::Waiting(n) => drop(self.waiting.remove(n)),
                    Source::Terminal(n) => drop(self.console.pump(n)),
                    Source::User(n) => drop(self.console.disconnect(n)),
                    Source::SlowUser(n) => self.console.flush(n),
                }
            }
        }
    }

    /// Tells everybody who waits.
    pub fn end(mut self, ended: Ended, again: bool) -> Option<OwnedFd> {
        let reply = Reply::Ended(if again { Ended::Rebooted } else { ended });
        for client in &self.waiting {
            control::send_reply(client, &reply, &[]);
        }
        let foreground = self.console.disconnect(0).filter(|_| self.foreground);
        if let Some(client) = &foreground {
            // Now there is nothing else to do than to wait until it takes this.
            let _ = rustix::io::ioctl_fionbio(client, false);
            control::send_reply(client, &reply, &[]);
        }
        foreground
    }

    /// What there is to do, the later sources of a kind first, so that removing one does not renumber the others.
    fn ready(&self) -> Vec<Source> {
        let mut sources = vec![Source::Init, Source::Listener];
        let mut fds = vec![
            PollFd::new(&self.init.pidfd, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        let mut watch = |source, fd| {
            sources.push(source);
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        };
        for (n, fd) in self.console.watched() {
            watch(Source::Terminal(n), fd.as_fd());
        }
        for (n, fd) in self.console.clients() {
            watch(Source::User(n), fd.as_fd());
        }
        for (n, fd) in self.fresh.iter().enumerate().rev() {
            watch(Source::Fresh(n), fd.as_fd());
        }
        for (n, fd) in self.waiting.iter().enumerate().rev() {
            watch(Source::Waiting(n), fd.as_fd());
        }
        for (n, fd) in self.console.slow_clients() {
            sources.push(Source::SlowUser(n));
            fds.push(PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::OUT));
        }
        if poll(&mut fds, None).is_err() {
            return Vec::new();
        }
        sources
            .into_iter()
            .zip(&fds)
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|(source, _)| source)
            .collect()
    }

    fn take_status(&mut self) -> Ended {
        let ended = pidfd::wait(&self.init.pidfd);
        self.console.drain();
        match ended {
            // reboot(2): in a pid namespace it kills process 1, by SIGHUP for a restart and by SIGINT for a halt.
            Ok(pidfd::Ended::Killed(1)) => Ended::Rebooted,
            Ok(pidfd::Ended::Killed(2)) => Ended::Halted,
            Ok(pidfd::Ended::Killed(signal)) => Ended::Killed(signal),
            Ok(pidfd::Ended::Exited(status)) => Ended::Exited(status),
            Ok(pidfd::Ended::Unknown) | Err(_) => Ended::Unknown,
        }
    }

    fn accept(&mut self) {
        let Ok(client) = accept_with(&self.listener, SocketFlags::CLOEXEC) else { return };
        // The directory is root's alone; this is the second lock on the same door.
        let root = sockopt::socket_peercred(&client).is_ok_and(|who| who.uid.is_root());
        if root && self.fresh.len() + self.waiting.len() < MOST_CLIENTS {
            self.fresh.push(client);
        }
    }

    fn request(&mut self, number: usize) {
        let client = self.fresh.remove(number);
        let mut buffer = [0; MAX];
        let Ok(Some((n, _))) = pass::receive(&client, &mut buffer) else { return };
        match serde_json::from_slice(&buffer[..n]) {
            Ok(request) => self.answer(&request, client),
            Err(e) => {
                control::send_reply(&client, &Reply::Error(format!("bad request: {e}")), &[]);
            }
        }
    }

    fn answer(&mut self, request: &Request, client: OwnedFd) {
        let refuse = |client: &OwnedFd, reason: String| {
            control::send_reply(client, &Reply::Error(reason), &[]);
        };
        match request {
            Request::Wait => self.waiting.push(client),
            Request::StartAgain => {
                self.again = true;
                control::send_reply(&client, &Reply::Done, &[]);
                self.waiting.push(client);
            }
            Request::Terminal => match pty::open_master(&self.console.devpts) {
                Ok(master) => drop(control::send_reply(&client, &Reply::Done, &[master.as_fd()])),
                Err(e) => refuse(&client, e.to_string()),
            },
            Request::Attach(number) => {
                let Ok(user) = client.try_clone() else { return };
                match self.console.connect(*number, user) {
                    Ok(()) => {
                        let master: Vec<_> =
                            self.console.master(*number).map(AsFd::as_fd).into_iter().collect();
                        control::send_reply(&client, &Reply::Done, &master);
                    }
                    Err(reason) => refuse(&client, reason),
                }
            }
        }
    }
}
