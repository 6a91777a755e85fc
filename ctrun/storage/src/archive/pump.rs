//! From the archive through what unpacks it into tar, counting.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice};

use super::{Archive, Error, Progress, Unpack};
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
    /// Everything that they said.
    pub fn said(&self) -> String {
        format!("{}\n{}", self.tar_said, self.unpacker_said)
    }

    /// What they said first, on one line: what follows, follows from it.
    pub fn message(&self) -> String {
        let said = self.said();
        let lines: Vec<&str> = said
            .lines()
            .map(str::trim)
            .filter(|line| {
                !line.is_empty() && !line.starts_with("tar: Exiting with failure status")
            })
            .take(4)
            .collect();
        lines.join("; ")
    }
}

/// What pipes hold, instead of 64 KiB: fewer turns. More takes a privilege (pipe(7)).
const PIPE: usize = 1 << 20;

/// What is kept of messages: the beginning, for a hostile archive can cause any number.
const SAID: u64 = 64 << 10;

/// How much may follow the end of what tar reads: it is padded to a block, and some pad to a tape's.
const PADDING: u64 = 64 << 20;

/// Feeds `tar` with the archive. If it is to be read `whole`, what follows is read as well, for what unpacks knows only at its
/// very end whether all was in order.
pub(super) fn run(
    archive: &Archive,
    mut tar: Child,
    options: &mut Unpack<'_>,
    whole: bool,
) -> Result<Ended, Error> {
    let read = |source| Error::Read { path: archive.path.clone(), source };
    let tar_said = listen(tar.stderr.take());
    // Opened again: every reader has a place of its own in the file.
    let started = File::open(crate::tree::through(&archive.file))
        .map_err(read)
        .and_then(|file| Ok((start_unpacker(archive, &file, options.userns)?, file)));
    let (mut unpacker, file) = match started {
        Ok(started) => started,
        Err(error) => {
            stop(&mut tar);
            return Err(error);
        }
    };
    let unpacker_said = listen(unpacker.as_mut().and_then(|child| child.stderr.take()));
    let mut source = unpacker.as_mut().and_then(|child| child.stdout.take());
    let mut tell = |unpacked| {
        let at = rustix::fs::tell(&file).unwrap_or(unpacked);
        (options.progress)(Progress { read: at, size: archive.size, unpacked });
    };
    let mut pumped = match (tar.stdin.take(), &source) {
        (Some(sink), Some(source)) => pump(source, sink, options.limit, &mut tell),
        (Some(sink), None) => pump(&file, sink, options.limit, &mut tell),
        (None, _) => Ok(Pumped::All),
    };
    if !matches!(pumped, Ok(Pumped::All | Pumped::Closed)) {
        stop(&mut tar);
    }
    let tar_ended = tar.wait().map_err(|e| archive.program("tar", e))?;
    if let (Ok(Pumped::Closed), Some(rest)) = (&pumped, &mut source)
        && whole
        && tar_ended.success()
    {
        let mut rest = rest.take(PADDING);
        let drained = std::io::copy(&mut rest, &mut std::io::sink()).map_err(read)?;
        if drained < PADDING {
            pumped = Ok(Pumped::All);
        }
    }
    drop(source);
    let mut ended = Ended { tar_failed: !tar_ended.success(), ..Ended::default() };
    if let Ok(Pumped::Over(limit)) = pumped {
        ended.over = Some(limit);
    }
    if let Some(child) = &mut unpacker {
        let is_whole = matches!(pumped, Ok(Pumped::All));
        if !is_whole {
            stop(child);
        }
        let status = child.wait().map_err(|e| archive.program("wait", e))?;
        ended.unpacker_failed = is_whole && !status.success();
    }
    ended.tar_said = tar_said.join().unwrap_or_default();
    ended.unpacker_said = unpacker_said.join().unwrap_or_default();
    if ended.tar_failed && ended.tar_said.is_empty() {
        ended.tar_said = tar_ended.to_string();
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
