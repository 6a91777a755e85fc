//! A terminal that programs run in: tmux, with a server of its own.

use super::Job;
use crate::mounted::{PATIENCE, wait_for};
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A terminal with one program in it. Dropping it ends both.
pub(super) struct Screen {
    /// Where tmux's socket is.
    folder: PathBuf,
    /// Where the exit status is, once the program has ended.
    status: PathBuf,
}

impl Screen {
    /// Starts a shell's `command` in a new terminal.
    pub fn start(job: &Job<'_>, command: &str) -> io::Result<Self> {
        let screen = Self { folder: job.work.to_owned(), status: job.file("status") };
        let _ = std::fs::remove_file(&screen.status);
        let whole = format!("{command}\necho $? > \"$W/status\"");
        let mut tmux = screen.tmux();
        tmux.envs(job.variables()).env_remove("TMUX");
        tmux.args(["new-session", "-d", "-x", "180", "-y", "40", "bash", "--norc", "-c", &whole]);
        tmux.args([
            ";",
            "set-option",
            "-g",
            "escape-time",
            "0",
            ";",
            "set-option",
            "status",
            "off",
        ]);
        screen.done(&mut tmux)?;
        Ok(screen)
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.folder.join("tmux")).args(["-f", "/dev/null"]);
        command.stdin(Stdio::null());
        command
    }

    fn done(&self, command: &mut Command) -> io::Result<String> {
        let output = command.output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("{command:?}: {said}")));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Presses a key, by tmux's name of it.
    pub fn press(&self, key: &str) -> io::Result<()> {
        self.done(self.tmux().args(["send-keys", key])).map(drop)
    }

    /// Types a text.
    pub fn enter(&self, text: &str) -> io::Result<()> {
        self.done(self.tmux().args(["send-keys", "-l", "--", text])).map(drop)
    }

    /// What can be seen; nothing, once the program has ended.
    pub fn show(&self) -> String {
        self.done(self.tmux().args(["capture-pane", "-p"])).unwrap_or_default()
    }

    /// The program's exit status, once it has ended.
    pub fn status(&self) -> Option<i32> {
        std::fs::read_to_string(&self.status).ok()?.trim().parse().ok()
    }

    /// Waits until one of `texts` can be seen or the program has ended; returns all that can be seen.
    pub fn wait(&self, texts: &[&str]) -> io::Result<String> {
        let mut last = String::new();
        let seen = wait_for(PATIENCE, || {
            let ended = self.status().is_some();
            last = self.show();
            (ended || texts.iter().any(|text| last.contains(text))).then(|| last.clone())
        });
        seen.ok_or_else(|| {
            io::Error::other(format!("none of {texts:?} is on the screen:\n{}", last.trim_end()))
        })
    }

    /// Waits until the program has ended.
    pub fn wait_end(&self) -> io::Result<i32> {
        wait_for(PATIENCE, || self.status()).ok_or_else(|| {
            io::Error::other(format!("it does not end:\n{}", self.show().trim_end()))
        })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The server may have ended with the program.
        let _ = self.tmux().arg("kill-server").output();
        let _ = std::fs::remove_file(self.folder.join("tmux"));
    }
}
