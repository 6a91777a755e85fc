//! The control socket: how the daemon's own commands change what it serves.
//!
//! A request is one line of JSON, the answer another. Only root, and the user the daemon runs as, are answered.
//!
//! - `{"op":"status"}`
//! - `{"op":"commit","path":"nodes/a/lxc/100.conf","text":"…","if_revision":7,"program":"pvefs revert"}`: saves a text as any
//!   save, `if_revision` and `program` may be left out.

use super::ServeError;
use crate::fs::{Fs, FsError};
use crate::settings::Settings;
use pvefs_store::{Author, TreePath};
use rustix::net::sockopt::socket_peercred;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Longest request: the longest text, each byte of it escaped.
const MAX_REQUEST: u64 = 8 << 20;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a command asks of the daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum ControlRequest {
    /// How is the file system?
    Status,
    /// Save a text.
    Commit {
        /// Where.
        path: String,
        /// The whole text.
        text: String,
        /// Only if the text now is of this revision.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_revision: Option<u64>,
        /// What history shows as the program.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
    },
}

/// What the daemon answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlReply {
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// All reasons, when a text was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons: Option<String>,
    /// The revision: of the saved text, or the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// For status: the node, and numbers by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ControlStatus>,
}

/// How the file system is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlStatus {
    /// This node.
    pub node: String,
    /// Process id of the worker.
    pub pid: u32,
    /// Where it is mounted.
    pub root: PathBuf,
    /// The store's database.
    pub store: PathBuf,
    /// Bytes stored.
    pub bytes: u64,
    /// Files and directories stored.
    pub entries: u64,
    /// Files in memory.
    pub in_memory: u64,
    /// Open handles.
    pub handles: usize,
}

/// Asks the daemon behind `socket`.
///
/// # Errors
/// When it cannot be reached or does not answer.
pub fn ask(socket: &Path, request: &ControlRequest) -> io::Result<ControlReply> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE * 3))?;
    serde_json::to_writer(&mut stream, request)?;
    stream.write_all(b"\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// The socket's file. Removed when dropped.
pub(super) struct Control(PathBuf);

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

pub(super) fn start(fs: Arc<Fs>, settings: &Settings) -> Result<Control, ServeError> {
    let path = settings.control_socket();
    let at = |what: &str| ServeError::system(format!("{what} {}", path.display()));
    fs::create_dir_all(&settings.run_dir).map_err(at("make the directory of"))?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at("replace")(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(at("listen at"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(at("protect"))?;
    let settings = settings.clone();
    thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Err(error) = serve(&fs, &settings, stream) {
                    tracing::debug!("control: {error}");
                }
            }
        })
        .map_err(ServeError::system("start the thread control"))?;
    Ok(Control(path))
}

fn serve(fs: &Fs, settings: &Settings, mut stream: UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let peer = socket_peercred(&stream)?;
    let uid = peer.uid.as_raw();
    let reply = if uid == 0 || uid == rustix::process::geteuid().as_raw() {
        let mut line = String::new();
        BufReader::new(&stream).take(MAX_REQUEST).read_line(&mut line)?;
        let pid = peer.pid.as_raw_nonzero().get().unsigned_abs();
        match serde_json::from_str(&line) {
            Ok(request) => answer(fs, settings, request, uid, pid),
            Err(error) => failure(format!("not understood: {error}")),
        }
    } else {
        failure("only root may ask".to_owned())
    };
    serde_json::to_writer(&mut stream, &reply)?;
    stream.write_all(b"\n")
}

fn failure(error: String) -> ControlReply {
    ControlReply { error: Some(error), ..ControlReply::default() }
}

fn answer(
    fs: &Fs,
    settings: &Settings,
    request: ControlRequest,
    uid: u32,
    pid: u32,
) -> ControlReply {
    match request {
        ControlRequest::Status => {
            let status = fs.status();
            ControlReply {
                revision: Some(status.revision),
                status: Some(ControlStatus {
                    node: status.node,
                    pid: std::process::id(),
                    root: settings.root.clone(),
                    store: settings.store.clone(),
                    bytes: status.bytes,
                    entries: status.entries,
                    in_memory: status.in_memory,
                    handles: status.handles,
                }),
                ..ControlReply::default()
            }
        }
        ControlRequest::Commit { path, text, if_revision, program } => {
            let path: TreePath = match path.parse() {
                Ok(path) => path,
                Err(error) => return failure(format!("{error}")),
            };
            let program = program.unwrap_or_else(|| "pvefs".to_owned());
            let author = Author { uid: Some(uid), pid: Some(pid), program };
            match fs.commit_text(&path, text.as_bytes(), if_revision, &author) {
                Ok(saved) => {
                    ControlReply { revision: Some(saved.revision), ..ControlReply::default() }
                }
                Err(error) => {
                    let reasons = match &error {
                        FsError::Refused { refusal, .. } => Some(refusal.reasons.clone()),
                        _ => None,
                    };
                    ControlReply { reasons, ..failure(error.to_string()) }
                }
            }
        }
    }
}
