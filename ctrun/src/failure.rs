//! Why a container did not start: the step, the line of the file that asked for it, and the reason.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// The steps of a start, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Reading and checking the configuration.
    Configuration,
    /// Opening the root and the mount points.
    Volumes,
    /// Making `/dev`.
    Devices,
    /// Making the control groups and setting their limits.
    Cgroups,
    /// Making the process and its namespaces.
    Namespaces,
    /// Mapping the users.
    IdMap,
    /// Mounting, inside.
    Mounts,
    /// Terminals, inside.
    Terminals,
    /// The network.
    Network,
    /// Taking privileges away, inside.
    Privileges,
    /// Executing the guest's init.
    Exec,
}

impl Step {
    /// All of them, for tests that let each one fail.
    pub const ALL: [Self; 11] = [
        Self::Configuration,
        Self::Volumes,
        Self::Devices,
        Self::Cgroups,
        Self::Namespaces,
        Self::IdMap,
        Self::Mounts,
        Self::Terminals,
        Self::Network,
        Self::Privileges,
        Self::Exec,
    ];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "configuration",
            Self::Volumes => "volumes",
            Self::Devices => "devices",
            Self::Cgroups => "cgroups",
            Self::Namespaces => "namespaces",
            Self::IdMap => "idmap",
            Self::Mounts => "mounts",
            Self::Terminals => "terminals",
            Self::Network => "network",
            Self::Privileges => "privileges",
            Self::Exec => "exec",
        })
    }
}

/// Where in the configuration something was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The option, as `mp0`.
    pub key: String,
    /// Its line, from 1; none for a default.
    pub line: Option<usize>,
}

impl Origin {
    /// An option that nobody wrote: its default.
    pub fn default_of(key: &str) -> Self {
        Self { key: key.to_owned(), line: None }
    }
}

/// A start that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub struct Failure {
    /// What was being done.
    pub step: Step,
    /// Which option asked for it, if one did.
    pub origin: Option<Origin>,
    /// What went wrong.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{}: ", origin.key)?;
        }
        write!(f, "{} (step: {})", self.reason, self.step)
    }
}

impl Failure {
    /// Says it all in one line, with `file:line:` in front.
    pub fn message(&self, file: &Path) -> String {
        match self.origin.as_ref().and_then(|o| o.line) {
            Some(line) => format!("{}:{line}: {self}", file.display()),
            None => format!("{}: {self}", file.display()),
        }
    }
}

/// Puts the step on an error.
pub trait At<T> {
    /// The step that failed.
    fn at(self, step: Step) -> Result<T, Failure>;
    /// The step that failed and the option that asked for it.
    fn at_option(self, step: Step, origin: &Origin) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> At<T> for Result<T, E> {
    fn at(self, step: Step) -> Result<T, Failure> {
        self.map_err(|e| Failure { step, origin: None, reason: e.to_string() })
    }

    fn at_option(self, step: Step, origin: &Origin) -> Result<T, Failure> {
        self.map_err(|e| Failure { step, origin: Some(origin.clone()), reason: e.to_string() })
    }
}

/// Fails if the settings say that this step is to fail.
pub fn fault(settings: &Settings, step: Step) -> Result<(), Failure> {
    match &settings.fault {
        Some(fault) if *fault == step.to_string() => {
            Err(Failure { step, origin: None, reason: "told to fail".into() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_line_option_and_step() {
        let origin = Origin { key: "net0".into(), line: Some(7) };
        let failure = Err::<(), _>("bridge vmbr9 does not exist")
            .at_option(Step::Network, &origin)
            .unwrap_err();
        assert_eq!(
            failure.message(Path::new("100.conf")),
            "100.conf:7: net0: bridge vmbr9 does not exist (step: network)"
        );
    }
}
