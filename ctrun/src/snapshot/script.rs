//! A storage that does what a script says, to see what the state machine makes of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cause, Volumes};

/// The operations of a storage, as scripts name them.
const OPERATIONS: [&str; 4] = ["snapshot", "delete", "rollback-possible", "rollback"];

/// A storage in which each operation succeeds for the volumes of its line, and fails for all others.
///
/// ```text
/// # operation volume…
/// snapshot local:disk-1 local:disk-2
/// delete local:disk-1
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    succeeds: BTreeMap<&'static str, BTreeSet<String>>,
}

/// A line of a script that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {reason}")]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl Script {
    /// Reads a script. Blank lines and those that begin with `#` say nothing; several lines of one operation count
    /// together.
    ///
    /// # Errors
    /// Names the first line that is not right.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut script = Self::default();
        for (index, line) in text.lines().enumerate() {
            let error = |reason| ScriptError { line: index + 1, reason };
            let mut words = line.split_whitespace();
            let Some(first) = words.next().filter(|word| !word.starts_with('#')) else { continue };
            let operation = OPERATIONS
                .into_iter()
                .find(|operation| first.strip_suffix(':').unwrap_or(first) == *operation)
                .ok_or_else(|| {
                    error(format!(
                        "unknown operation '{first}': expected {}",
                        OPERATIONS.join(", ")
                    ))
                })?;
            let volumes = script.succeeds.entry(operation).or_default();
            for volume in words {
                let is_id = volume
                    .split_once(':')
                    .is_some_and(|(storage, name)| !storage.is_empty() && !name.is_empty());
                if !is_id || volume.starts_with('/') {
                    return Err(error(format!("'{volume}' is no volume: expected STORAGE:NAME")));
                }
                volumes.insert(volume.to_owned());
            }
        }
        Ok(script)
    }

    fn ask(&self, operation: &str, volume: &str, failure: &str) -> Result<(), Cause> {
        let succeeds = self.succeeds.get(operation).is_some_and(|all| all.contains(volume));
        if succeeds { Ok(()) } else { Err(failure.into()) }
    }
}

impl Volumes for Script {
    fn snapshot(&mut self, volume: &str, _name: &str) -> Result<(), Cause> {
        self.ask("snapshot", volume, "volume snapshot disabled")
    }

    fn delete(&mut self, volume: &str, _name: &str) -> Result<(), Cause> {
        self.ask("delete", volume, "volume snapshot delete disabled")
    }

    fn rollback_possible(&mut self, volume: &str, _name: &str) -> Result<(), Cause> {
        self.ask("rollback-possible", volume, "volume snapshot rollback impossible")
    }

    fn rollback(&mut self, volume: &str, _name: &str) -> Result<(), Cause> {
        self.ask("rollback", volume, "volume snapshot rollback disabled")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_script_fails() {
        let text = "# one\n\nsnapshot l1:a l1:b\n  snapshot: l1:c\nrollback\n";
        let mut script = Script::parse(text).unwrap();
        for (volume, succeeds) in [("l1:a", true), ("l1:b", true), ("l1:c", true), ("l1:d", false)]
        {
            assert_eq!(script.snapshot(volume, "x").is_ok(), succeeds, "{volume}");
            assert!(script.delete(volume, "x").is_err() && script.rollback(volume, "x").is_err());
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = |text: &str| Script::parse(text).unwrap_err().to_string();
        assert_eq!(
            error("snapshot l1:a\n\nsnapshoot l1:a\n"),
            "3: unknown operation 'snapshoot': expected snapshot, delete, rollback-possible, rollback"
        );
        for wrong in ["/srv", "disk", ":disk", "l1:", "/dev/a:b"] {
            assert_eq!(
                error(&format!("# x\ndelete l1:a {wrong}")),
                format!("2: '{wrong}' is no volume: expected STORAGE:NAME")
            );
        }
    }
}
