//! Where things are. Every path comes from here and can be moved, so that a test or a second instance never touches the
//! host's own.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ctid::Ctid;

/// The settings of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The tree of configuration files.
    pub pve: PathBuf,
    /// What is running: one directory per container, gone with it.
    pub run: PathBuf,
    /// Logs of consoles.
    pub log: PathBuf,
    /// The group below which containers get theirs, in every cgroup hierarchy.
    pub cgroup: String,
    /// For tests: the step of a start that fails.
    pub fault: Option<String>,
}

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be read.
    #[error("cannot read the settings {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line says nothing that we know.
    #[error("{path}:{line}: {text:?} is not a setting; known are pve, run, log, cgroup and fault")]
    Unknown {
        /// Which file.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// What stands there.
        text: String,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pve: "/etc/pve".into(),
            run: "/run/ctrun".into(),
            log: "/var/log/ctrun".into(),
            cgroup: "lxc".into(),
            fault: None,
        }
    }
}

impl Settings {
    /// Where settings are looked for when nobody says.
    pub const DEFAULT_FILE: &str = "/etc/ctrun.conf";

    /// Reads `file`, or the default one if there is such a file.
    pub fn load(file: Option<&Path>) -> Result<Self, Error> {
        let path = file.unwrap_or(Path::new(Self::DEFAULT_FILE));
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(e) if file.is_none() && e.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(source) => Err(Error::Read { path: path.into(), source }),
        }
    }

    /// The configuration file of a container.
    pub fn config(&self, id: Ctid) -> PathBuf {
        self.pve.join("lxc").join(format!("{id}.conf"))
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let mut settings = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(':').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("pve", value)) => settings.pve = value.into(),
                Some(("run", value)) => settings.run = value.into(),
                Some(("log", value)) => settings.log = value.into(),
                Some(("cgroup", value)) => settings.cgroup = value.trim_matches('/').into(),
                Some(("fault", value)) => settings.fault = Some(value.into()),
                _ => {
                    return Err(Error::Unknown {
                        path: path.into(),
                        line: number + 1,
                        text: line.into(),
                    });
                }
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_given_and_keeps_the_rest() {
        let settings =
            Settings::parse(Path::new("x"), "# here\nrun: /tmp/run\ncgroup: /a/b\n").unwrap();
        assert_eq!(settings.run, Path::new("/tmp/run"));
        assert_eq!(settings.cgroup, "a/b");
        assert_eq!(settings.pve, Path::new("/etc/pve"));
        assert_eq!(settings.config("100".parse().unwrap()), Path::new("/etc/pve/lxc/100.conf"));
    }

    #[test]
    fn names_the_line_that_it_does_not_know() {
        let error = Settings::parse(Path::new("x"), "\nrnu: /tmp\n").unwrap_err();
        assert!(error.to_string().starts_with("x:2: \"rnu: /tmp\""), "{error}");
    }
}
