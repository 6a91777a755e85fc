//! Settings: every path and limit that a second instance or a test must be able to move.
//!
//! A settings file has lines `key = value`, and comments after `#`. Options on the command line win over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the file system is mounted if nothing else is said.
pub const DEFAULT_ROOT: &str = "/etc/pve";
/// The settings file that is read if it is there.
pub const DEFAULT_FILE: &str = "/etc/pvefs.conf";

/// All settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The mount point.
    pub root: PathBuf,
    /// The store's database.
    pub store: PathBuf,
    /// This node's name.
    pub node: String,
    /// Directory of the control socket.
    pub run_dir: PathBuf,
    /// A container's socket for pokes; `{id}` is its number.
    pub poke: String,
    /// The group of all files.
    pub group: String,
    /// How long a name that was taken away may come back.
    pub grace: Duration,
    /// Requests answered at the same time.
    pub threads: usize,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("settings {}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A line is wrong.
    #[error("settings {}:{line}: {reason}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            root: DEFAULT_ROOT.into(),
            store: "/var/lib/pvefs/pvefs.db".into(),
            node: host_name(),
            run_dir: "/run/pvefs".into(),
            poke: "/run/ctrun/{id}/poke".into(),
            group: "www-data".into(),
            grace: Duration::from_secs(2),
            threads: crate::fuse::THREADS,
        }
    }
}

impl Settings {
    /// Reads a settings file over the defaults. Without a name, the default file if it exists.
    ///
    /// # Errors
    /// When a named file cannot be read, or a line is wrong.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(settings);
            }
            Err(error) => return Err(SettingsError::Read { path: path.to_owned(), error }),
        };
        for (index, line) in text.lines().enumerate() {
            let line = line.split_once('#').map_or(line, |(before, _)| before).trim();
            if line.is_empty() {
                continue;
            }
            let set = match line.split_once('=') {
                Some((key, value)) => settings.set(key.trim(), value.trim()),
                None => Err("expected key = value".to_owned()),
            };
            set.map_err(|reason| SettingsError::Line {
                path: path.to_owned(),
                line: index + 1,
                reason,
            })?;
        }
        Ok(settings)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if value.is_empty() {
            return Err(format!("{key} has no value"));
        }
        let number = || value.parse::<u64>().map_err(|_| format!("{key}: {value:?} is no number"));
        match key {
            "root" => self.root = value.into(),
            "store" => self.store = value.into(),
            "node" => self.node = value.into(),
            "run-dir" => self.run_dir = value.into(),
            "poke" => self.poke = value.into(),
            "group" => self.group = value.into(),
            "grace-ms" => self.grace = Duration::from_millis(number()?),
            "threads" => self.threads = usize::try_from(number()?.clamp(2, 256)).unwrap_or(2),
            _ => return Err(format!("there is no setting {key:?}")),
        }
        Ok(())
    }

    /// The socket that commands talk to the daemon by.
    pub fn control_socket(&self) -> PathBuf {
        self.run_dir.join("control")
    }

    /// The number of the group that owns all files; root's where the group does not exist.
    pub fn gid(&self) -> u32 {
        gid_in(&fs::read_to_string("/etc/group").unwrap_or_default(), &self.group)
    }
}

fn gid_in(groups: &str, name: &str) -> u32 {
    groups
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.split(':').nth(1))
        .find_map(|gid| gid.parse().ok())
        .unwrap_or(0)
}

/// This host's name, without a domain.
fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().split('.').next().unwrap_or_default();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings, SettingsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Settings::load(Some(file.path()))
    }

    #[test]
    fn reads_keys_and_comments() {
        let settings = load("# mine\nnode = one # here\n\nrun-dir=/x\ngrace-ms = 300\n").unwrap();
        assert_eq!(settings.node, "one");
        assert_eq!(settings.control_socket(), Path::new("/x/control"));
        assert_eq!(settings.grace, Duration::from_millis(300));
    }

    #[test]
    fn says_which_line_is_wrong() {
        for (text, reason) in [
            ("\nnod = x\n", ":2: there is no setting \"nod\""),
            ("node\n", ":1: expected key = value"),
            ("grace-ms = soon\n", ":1: grace-ms: \"soon\" is no number"),
            ("node =\n", ":1: node has no value"),
        ] {
            let message = load(text).unwrap_err().to_string();
            assert!(message.ends_with(reason), "{message}");
        }
        assert!(Settings::load(Some(Path::new("/nonexistent/x"))).is_err());
    }

    #[test]
    fn finds_a_group_by_its_whole_name() {
        let groups = "www-data2:x:7:\nwww-data:x:33:a,b\n";
        assert_eq!(gid_in(groups, "www-data"), 33);
        assert_eq!(gid_in(groups, "www"), 0);
    }
}
