//! Keeping a mounted file system still while its image is copied.

use std::io::{BufRead as _, BufReader};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use crate::error::Result;
use crate::program;
use crate::volid::VolumeId;

/// Says how a volume is kept still while `copy` runs, if it is mounted.
pub trait Freeze {
    /// Freezes, runs `copy`, thaws, whatever `copy` answers.
    fn frozen(&self, volume: &VolumeId, copy: &mut dyn FnMut() -> Result<()>) -> Result<()>;

    /// Whether a mounted volume is kept still. If not, one that is mounted is refused: its image lacks what was written
    /// last.
    fn is_for_mounted(&self) -> bool {
        true
    }
}

/// For volumes of which nobody has anything mounted.
#[derive(Clone, Copy, Debug)]
pub struct NotMounted;

impl Freeze for NotMounted {
    fn frozen(&self, _: &VolumeId, copy: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        copy()
    }

    fn is_for_mounted(&self) -> bool {
        false
    }
}

/// Freezes the file system that an open directory lies in (fsfreeze(8)).
#[derive(Debug)]
pub struct MountedAt(pub OwnedFd);

impl Freeze for MountedAt {
    fn frozen(&self, volume: &VolumeId, copy: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let what = format!("freeze {volume}");
        let frozen = Frozen::new(&what, &self.0)?;
        let copied = copy();
        let thawed = frozen.thaw();
        copied.and(thawed)
    }
}

/// A child that thaws as soon as its input ends: also if we are killed, which would leave the guest hanging.
struct Frozen {
    child: Child,
    what: String,
}

// A file system that is still frozen when its last mount goes stays so, and keeps its device: nothing may end the child early.
const SCRIPT: &str = r#"trap '' HUP INT TERM PIPE
fsfreeze --freeze "$1" || exit 1
echo frozen
read -r _
fsfreeze --unfreeze "$1""#;

impl Frozen {
    fn new(what: &str, at: &OwnedFd) -> Result<Self> {
        let path = format!("/proc/{}/fd/{}", std::process::id(), at.as_raw_fd());
        // The directory is opened by the child as its own, for it has to outlive us.
        let mut child = Command::new("sh")
            .args(["-c", &format!("cd \"$1\" || exit 1; set -- .\n{SCRIPT}"), "sh", &path])
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A signal to our whole group must not take the one away that thaws.
            .process_group(0)
            .spawn()
            .map_err(|e| program::spawn_failed(what, "sh", e))?;
        let mut line = String::new();
        let answered = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        let this = Self { child, what: what.to_owned() };
        match answered {
            Some(Ok(n)) if n > 0 => Ok(this),
            _ => Err(this.end().err().unwrap_or_else(|| crate::error::Error::Program {
                what: what.to_owned(),
                program: "fsfreeze".into(),
                message: "it gave no answer".into(),
            })),
        }
    }

    fn thaw(self) -> Result<()> {
        self.end()
    }

    fn end(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let output = self
            .child
            .wait_with_output()
            .map_err(|e| program::spawn_failed(&self.what, "fsfreeze", e))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(program::failed(&self.what, "fsfreeze", output.status, &said))
    }
}
