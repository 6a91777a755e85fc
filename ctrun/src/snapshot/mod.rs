//! Snapshots as a state machine over the text of a configuration, apart from any type of storage.
//!
//! An operation goes through steps. Each step edits the text and saves it, so that the file says at any moment how far
//! it has come: `lock`, `snapstate`, and the volumes that a snapshot which is being deleted still has. What a failure
//! leaves is therefore what the last save said, and the error names the step.
//!
//! Storage, the guest and the file are traits ([`Volumes`], [`Guest`], [`Save`]); nothing here does input or output.
//! Edits are lossless: comments stay where they are, and untouched lines keep their bytes.

mod apply;
mod check;
mod commit;
mod create;
mod delete;
mod error;
mod machine;
mod prepare;
mod rollback;
mod script;
mod section;
#[cfg(test)]
mod tests;
mod unused;
mod volumes;

pub use error::{Error, Refusal, Step};
pub use script::{Script, ScriptError};

use machine::Machine;

/// Why a storage, a guest or a file did not do what it was asked for.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a storage does with one volume and one snapshot of it.
pub trait Volumes {
    /// Whether this volume can have snapshots at all. Asked before anything is done.
    ///
    /// # Errors
    /// Says why not.
    fn can_snapshot(&mut self, _volume: &str) -> Result<(), Cause> {
        Ok(())
    }

    /// Takes a snapshot of a volume.
    ///
    /// # Errors
    /// When that failed; the volume then has no such snapshot.
    fn snapshot(&mut self, volume: &str, name: &str) -> Result<(), Cause>;

    /// Deletes a snapshot of a volume.
    ///
    /// # Errors
    /// When that failed.
    fn delete(&mut self, volume: &str, name: &str) -> Result<(), Cause>;

    /// Whether a volume could be rolled back. Asked for every volume before the first one is.
    ///
    /// # Errors
    /// Says why not.
    fn rollback_possible(&mut self, volume: &str, name: &str) -> Result<(), Cause>;

    /// Rolls a volume back to a snapshot.
    ///
    /// # Errors
    /// When that failed.
    fn rollback(&mut self, volume: &str, name: &str) -> Result<(), Cause>;
}

/// What is done to a container that runs. The default is for one that does not.
pub trait Guest {
    /// Stops its processes where they are, and syncs its file systems.
    ///
    /// # Errors
    /// When that failed; [`Guest::thaw`] is called nevertheless.
    fn freeze(&mut self) -> Result<(), Cause> {
        Ok(())
    }

    /// Lets its processes go on.
    ///
    /// # Errors
    /// When that failed.
    fn thaw(&mut self) -> Result<(), Cause> {
        Ok(())
    }

    /// Stops it, at once.
    ///
    /// # Errors
    /// When it still runs.
    fn stop(&mut self) -> Result<(), Cause> {
        Ok(())
    }
}

/// A container that does not run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stopped;

impl Guest for Stopped {}

/// The file that holds the configuration.
pub trait Save {
    /// Saves the next text.
    ///
    /// # Errors
    /// When it was not saved; the operation then ends.
    fn save(&mut self, text: &str) -> Result<(), Cause>;

    /// What the file says now, if others may have changed it since the last save; `None` if nobody can have. A lock in
    /// the file keeps away those who respect it, not an editor.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&mut self) -> Result<Option<String>, Cause> {
        Ok(None)
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The first half of a create: lock the container and write the section.
    Prepare,
    /// The second half of a create: the section is complete, the lock goes.
    Commit,
    /// Take a snapshot.
    Create,
    /// Delete a snapshot.
    Delete,
    /// Make the container what it was.
    Rollback,
}

/// With which snapshot, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The snapshot's name.
    pub name: &'a str,
    /// When it is taken, in seconds since 1970.
    pub time: u64,
    /// What is said about it.
    pub description: Option<&'a str>,
    /// Go on past errors of the storage when deleting.
    pub force: bool,
    /// The lock that the caller holds already and has again afterwards: a backup's. The name `vzdump` is for who
    /// holds `backup` only.
    pub held: Option<&'a str>,
}

/// What an operation works on.
pub struct Parts<'a> {
    /// The storage.
    pub volumes: &'a mut dyn Volumes,
    /// The container, if it runs.
    pub guest: &'a mut dyn Guest,
    /// The file.
    pub file: &'a mut dyn Save,
}

/// What came out of an operation.
#[derive(Debug)]
pub struct Outcome {
    /// What the file says now, also after a failure.
    pub text: String,
    /// What the user should know, in order.
    pub warnings: Vec<String>,
    /// Whether it was done.
    pub result: Result<(), Error>,
}

/// Does an operation on the configuration that `text` is.
pub fn run<'a>(
    operation: Operation,
    request: &'a Request<'a>,
    text: &str,
    parts: Parts<'a>,
) -> Outcome {
    let mut machine = Machine::new(request, text, parts);
    let result = match operation {
        Operation::Prepare => prepare::prepare(&mut machine),
        Operation::Commit => commit::commit(&mut machine),
        Operation::Create => create::create(&mut machine),
        Operation::Delete => delete::delete(&mut machine),
        Operation::Rollback => rollback::rollback(&mut machine),
    };
    machine.end(result)
}
