//! What is no part of the store: links to this node, and files that are made when they are read.

use crate::fs::{Fs, INTERNAL, reject};
use pvefs_store::TreePath;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Messages that `.clusterlog` shows.
const LOG_LENGTH: usize = 50;

/// Files whose changes `.version` counts: those of the reference that we have a use for.
const OBSERVED: [&str; 10] = [
    "datacenter.cfg",
    "domains.cfg",
    "jobs.cfg",
    "storage.cfg",
    "user.cfg",
    "vzdump.cron",
    "priv/shadow.cfg",
    "priv/storage",
    "sdn/zones.cfg",
    "firewall/cluster.fw",
];

/// What a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A path of the tree, in the store or over it.
    Tree,
    /// A file made when it is read.
    Made(Made),
    /// A link into this node's directory.
    Link(String),
    /// A refused text or its reasons, or a directory of them: where the store has it.
    Rejected(TreePath),
    /// Not there for anyone.
    Internal,
}

/// A file made when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Version,
    Vmlist,
    Members,
    Clusterlog,
}

/// Names at the root that are no part of the store, with `true` for links.
pub(crate) const ROOT_NAMES: [(&str, bool); 9] = [
    (".clusterlog", false),
    (".members", false),
    (".rejected", false),
    (".version", false),
    (".vmlist", false),
    ("local", true),
    ("lxc", true),
    ("openvz", true),
    ("qemu-server", true),
];

impl Fs {
    /// What `path` is.
    pub(crate) fn place(&self, path: &TreePath) -> Place {
        let (first, rest) = match path.as_str().split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path.as_str(), None),
        };
        let node = &self.options.node;
        match (first, rest) {
            (INTERNAL, _) => Place::Internal,
            (".rejected", _) => {
                reject::stored_at(rest.unwrap_or_default()).map_or(Place::Internal, Place::Rejected)
            }
            (".version", None) => Place::Made(Made::Version),
            (".vmlist", None) => Place::Made(Made::Vmlist),
            (".members", None) => Place::Made(Made::Members),
            (".clusterlog", None) => Place::Made(Made::Clusterlog),
            ("local", None) => Place::Link(format!("nodes/{node}")),
            ("lxc" | "openvz" | "qemu-server", None) => {
                Place::Link(format!("nodes/{node}/{first}"))
            }
            _ => Place::Tree,
        }
    }

    /// Makes the text of a virtual file.
    pub(crate) fn make(&self, made: Made) -> String {
        match made {
            Made::Version => self.version(),
            Made::Vmlist => self.guests.lock().to_json(),
            Made::Members => {
                let node = serde_json::Value::from(self.options.node.as_str());
                format!("{{\n\"nodename\": {node},\n\"version\": 0\n}}\n")
            }
            Made::Clusterlog => self.log.lock().to_json(&self.options.node),
        }
    }

    fn version(&self) -> String {
        let started = seconds(self.started);
        let vmlist = self.guests.lock().version();
        let mut text =
            format!("{{\n\"starttime\": {started},\n\"clinfo\": 0,\n\"vmlist\": {vmlist}");
        for name in OBSERVED {
            let version = name
                .parse()
                .ok()
                .and_then(|path: TreePath| self.store.stat(&path).ok().flatten())
                .map_or(0, |entry| entry.modified);
            let _ = write!(text, ",\n\"{name}\": {version}");
        }
        text.push_str("\n}\n");
        text
    }

    /// Adds a message to `.clusterlog`. `priority` is syslog's.
    pub(crate) fn note(&self, priority: u8, pid: Option<u32>, message: String) {
        self.log.lock().add(priority, pid, message);
    }
}

/// The last messages.
#[derive(Debug, Default)]
pub(crate) struct Log {
    messages: VecDeque<Message>,
    next: u64,
}

#[derive(Debug)]
struct Message {
    uid: u64,
    time: u64,
    priority: u8,
    pid: u32,
    text: String,
}

impl Log {
    fn add(&mut self, priority: u8, pid: Option<u32>, text: String) {
        self.next += 1;
        if self.messages.len() == LOG_LENGTH {
            self.messages.pop_front();
        }
        self.messages.push_back(Message {
            uid: self.next,
            time: seconds(SystemTime::now()),
            priority,
            pid: pid.unwrap_or(0),
            text,
        });
    }

    /// Newest first, as the reference.
    fn to_json(&self, node: &str) -> String {
        let lines: Vec<String> = self
            .messages
            .iter()
            .rev()
            .map(|message| {
                serde_json::json!({
                    "uid": message.uid, "time": message.time, "pri": message.priority,
                    "tag": "pvefs", "pid": message.pid, "node": node, "user": "root",
                    "msg": message.text,
                })
                .to_string()
            })
            .collect();
        format!("{{\n\"data\": [\n{}\n]\n}}\n", lines.join(",\n"))
    }
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |duration| duration.as_secs())
}
