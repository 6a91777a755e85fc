//! From the archive through what unpacks it into tar, counting.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice};

use super::{Archive, Error, Progress};
use crate::program::last_lines;
use crate::userns::UserNs;

/// How the programs ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    pub tar_failed: bool,
    pub tar_said: String,
    pub unpacker_failed: bool,
    pub unpacker_said: String,
    /// The limit that was passed.
    pub over: Option<u64>,
}

impl Ended {
    /// What they said, of tar only what it complained of.
    pub fn message(&self) -> String {
        let said = last_lines(&format!("{}\n{}", self.tar_said, self.unpacker_said));
        let status = "tar: Exiting with failure status due to previous errors";
        said.replace(&format!("; {status}"), "")
    }
}

/// What pipes hold, instead of 64 KiB: fewer turns. More takes a privilege (pipe(7)).
const PIPE: usize = 1 << 20;

/// What is kept of messages: the beginning, for a hostile archive can cause any number.
const SAID: u64 = 64 << 10;

/// Feeds `tar` with the archive.
pub(super) fn run(
    archive: &Archive,
    mut tar: Child,
    userns: Option<&UserNs>,
    limit: Option<u64>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Ended, Error> {
    let read = |source| Error::Read { path: archive.path.clone(), source };
    let tar_said = listen(tar.stderr.take());
    // Opened again: every reader has a place of its own in the file.
    let file = File::open(crate::tree::through(&archive.file)).map_err(read)?;
    let mut unpacker = match start_unpacker(archive, &file, userns) {
        Ok(unpacker) => unpacker,
        Err(error) => {
            stop(&mut tar);
            return Err(error);
        }
    };
    let unpacker_said = listen(unpacker.as_mut().and_then(|child| child.stderr.take()));
    let source = unpacker.as_mut().and_then(|child| child.stdout.take());
    let mut tell = |unpacked| {
        let at = rustix::fs::tell(&file).unwrap_or(unpacked);
        progress(Progress { read: at, size: archive.size, unpacked });
    };
    let pumped = match (tar.stdin.take(), source) {
        (Some(sink), Some(source)) => pump(&source, sink, limit, &mut tell),
        (Some(sink), None) => pump(&file, sink, limit, &mut tell),
        (None, _) => Ok(Pumped::All),
    };
    let mut ended = Ended::default();
    match pumped {
        Ok(Pumped::All | Pumped::Closed) => {}
        Ok(Pumped::Over(limit)) => {
            ended.over = Some(limit);
            stop(&mut tar);
        }
        Err(_) => stop(&mut tar),
    }
    // tar reads on until the end, so one that closed before has failed, and what unpacks is told so by the next write.
    let is_whole = matches!(pumped, Ok(Pumped::All));
    if let Some(child) = &mut unpacker {
        if !is_whole {
            stop(child);
        }
        let status = child.wait().map_err(|e| archive.program("wait", e))?;
        ended.unpacker_failed = is_whole && !status.success();
    }
    let status = tar.wait().map_err(|e| archive.program("tar", e))?;
    ended.tar_failed = !status.success();
    ended.tar_said = tar_said.join().unwrap_or_default();
    ended.unpacker_said = unpacker_said.join().unwrap_or_default();
    if ended.tar_failed && ended.tar_said.is_empty() {
        ended.tar_said = status.to_string();
    }
    pumped.map_err(|e| read(e.into()))?;
    Ok(ended)
}

fn start_unpacker(
    archive: &Archive,
    file: &File,
    userns: Option<&UserNs>,
) -> Result<Option<Child>, Error> {
    let Some((program, options)) = archive.compression.program() else { return Ok(None) };
    let input = file.try_clone().map_err(|e| archive.program(program, e))?;
    // It reads what a stranger wrote: with no more rights than the container has.
    let mut command =
        userns.map_or_else(|| Command::new(program), |userns| userns.command(program));
    command.args(options).env("LC_ALL", "C");
    for variable in ["GZIP", "XZ_OPT", "XZ_DEFAULTS", "ZSTD_CLEVEL", "BZIP", "BZIP2", "LZOP"] {
        command.env_remove(variable);
    }
    archive.start(program, command, input.into(), Stdio::piped()).map(Some)
}

enum Pumped {
    All,
    /// tar does not want any more.
    Closed,
    Over(u64),
}

fn pump(
    source: &impl AsFd,
    sink: impl AsFd,
    limit: Option<u64>,
    tell: &mut dyn FnMut(u64),
) -> Result<Pumped, Errno> {
    for end in [source.as_fd(), sink.as_fd()] {
        // A file is no pipe, and a small pipe will do.
        let _ = fcntl_setpipe_size(end, PIPE);
    }
    let mut total = 0;
    loop {
        match splice(source, None, &sink, None, PIPE, SpliceFlags::MOVE) {
            Ok(0) => return Ok(Pumped::All),
            Ok(n) => total += n as u64,
            Err(Errno::INTR) => continue,
            Err(Errno::PIPE) => return Ok(Pumped::Closed),
            Err(e) => return Err(e),
        }
        tell(total);
        if let Some(limit) = limit
            && total > limit
        {
            return Ok(Pumped::Over(limit));
        }
    }
}

fn stop(child: &mut Child) {
    // One that has ended already cannot be killed, which is as good.
    let _ = child.kill();
    let _ = child.wait();
}

fn listen(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.by_ref().take(SAID).read_to_end(&mut said);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        String::from_utf8_lossy(&said).into_owned()
    })
}
