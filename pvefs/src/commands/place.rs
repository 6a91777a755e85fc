//! Which store, and which file of it, a command is about.

use crate::cli::CliError;
use crate::settings::{Settings, SettingsError};
use clap::Args;
use pve_config::parse_ctid;
use pvefs_store::{Content, Revision, SqliteOptions, SqliteStore, Store, StoreError, TreePath};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Options that tell where the store and its daemon are.
#[derive(Clone, Debug, Args)]
pub struct PlaceArgs {
    /// The database [default: /var/lib/pvefs/pvefs.db]
    #[arg(long, value_name = "FILE", global = true)]
    store: Option<PathBuf>,
    /// Where the file system is mounted [default: /etc/pve]
    #[arg(long, value_name = "DIR", global = true)]
    root: Option<PathBuf>,
    /// Directory of the daemon's control socket [default: /run/pvefs]
    #[arg(long, value_name = "DIR", global = true)]
    run_dir: Option<PathBuf>,
    /// This node's name [default: the host name]
    #[arg(long, value_name = "NAME", global = true)]
    node: Option<String>,
    /// Settings file [default: /etc/pvefs.conf, if it exists]
    #[arg(long, value_name = "FILE", global = true)]
    settings: Option<PathBuf>,
}

impl PlaceArgs {
    /// [`PlaceArgs::load`], for commands.
    ///
    /// # Errors
    /// When the settings file is wrong.
    pub fn settings(&self) -> Result<Settings, CliError> {
        self.load().map_err(CliError::new)
    }

    /// The settings with what the command line says put over them.
    ///
    /// # Errors
    /// When the settings file is wrong.
    pub fn load(&self) -> Result<Settings, SettingsError> {
        let mut settings = Settings::load(self.settings.as_deref())?;
        let put = |from: &Option<PathBuf>, to: &mut PathBuf| {
            if let Some(path) = from {
                to.clone_from(path);
            }
        };
        put(&self.store, &mut settings.store);
        put(&self.root, &mut settings.root);
        put(&self.run_dir, &mut settings.run_dir);
        if let Some(node) = &self.node {
            settings.node.clone_from(node);
        }
        Ok(settings)
    }

    /// The store as it is now, for reading; a daemon may be using it.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub fn read(&self) -> Result<SqliteStore, CliError> {
        open_for_reading(&self.settings()?.store)
    }
}

/// A file of a store that is open for reading.
pub struct Found {
    /// The settings.
    pub settings: Settings,
    /// The store as it is now.
    pub store: SqliteStore,
    /// The file, which exists or is in history.
    pub path: TreePath,
}

impl PlaceArgs {
    /// Opens the store and finds what `target` names.
    ///
    /// # Errors
    /// When the store cannot be read, or knows no such file.
    pub fn find(&self, target: &Target) -> Result<Found, CliError> {
        let settings = self.settings()?;
        let store = open_for_reading(&settings.store)?;
        let path = find(&store, &settings, &target.name)?;
        Ok(Found { settings, store, path })
    }
}

/// Opens a store for reading, also while a daemon uses it.
///
/// # Errors
/// When there is none, or it cannot be used.
pub fn open_for_reading(store: &Path) -> Result<SqliteStore, CliError> {
    let opened = SqliteStore::open_read_only(store, &SqliteOptions::default());
    opened.map_err(|error| {
        let failed = CliError::new(&error);
        if store.exists() { failed } else { failed.hint("--store names another database") }
    })
}

/// A file, and perhaps a revision of it: `100`, `100@12`, `storage.cfg@7`, `/etc/pve/lxc/100.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What was written before the `@`.
    pub name: String,
    /// The revision.
    pub revision: Option<Revision>,
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, revision) = match text.rsplit_once('@') {
            Some((name, revision)) => {
                let number =
                    revision.parse().map_err(|_| format!("{revision:?} is no revision"))?;
                (name, Some(number))
            }
            None => (text, None),
        };
        if name.is_empty() {
            return Err("expected a container ID or a file, with @REVISION or without".to_owned());
        }
        Ok(Self { name: name.to_owned(), revision })
    }
}

/// Finds the path in the tree that `name` means: a container's ID, a path in the tree, or one below the mount point.
///
/// # Errors
/// When history knows no such file.
pub fn find(store: &dyn Store, settings: &Settings, name: &str) -> Result<TreePath, CliError> {
    if parse_ctid(name).is_some() {
        return by_id(store, name);
    }
    let inside = Path::new(name).strip_prefix(&settings.root).unwrap_or(Path::new(name));
    let text = inside.to_string_lossy();
    // The links of the tree, which the store does not have.
    let (first, rest) = text.split_once('/').unwrap_or((&text, ""));
    let text = match first {
        "local" => format!("nodes/{}/{rest}", settings.node),
        "lxc" | "qemu-server" | "openvz" => format!("nodes/{}/{first}/{rest}", settings.node),
        _ => text.into_owned(),
    };
    let path: TreePath = text
        .trim_end_matches('/')
        .parse()
        .map_err(|error| CliError::new(format!("{name}: {error}")))?;
    let is_known = store.stat(&path).map_err(CliError::new)?.is_some()
        || !store.history(&path, 1).map_err(CliError::new)?.is_empty();
    if is_known { Ok(path) } else { Err(unknown(name)) }
}

fn unknown(name: &str) -> CliError {
    CliError::new(format!("{name}: no such file, now or in history"))
}

/// The configuration of a container: the one that exists, or the one that was removed last.
fn by_id(store: &dyn Store, id: &str) -> Result<TreePath, CliError> {
    let mut found: Option<(bool, Revision, TreePath)> = None;
    for path in store.paths_named(&format!("{id}.conf")).map_err(CliError::new)? {
        if crate::fs::GuestPath::parse(&path).is_none() {
            continue;
        }
        let lives = store.stat(&path).map_err(CliError::new)?.is_some();
        let newest = store.history(&path, 1).map_err(CliError::new)?;
        let revision = newest.first().map_or(0, |record| record.revision);
        let candidate = (lives, revision, path);
        if found.as_ref().is_none_or(|best| (best.0, best.1) < (lives, revision)) {
            found = Some(candidate);
        }
    }
    found.map(|(_, _, path)| path).ok_or_else(|| unknown(id))
}

/// The text of a file, now or at a revision.
///
/// # Errors
/// When there was none, or it is no longer kept.
pub fn text(
    store: &dyn Store,
    path: &TreePath,
    revision: Option<Revision>,
) -> Result<Content, CliError> {
    let Some(revision) = revision else {
        let now = store.read(path).map_err(CliError::new)?;
        return now.map(|(_, text)| text).ok_or_else(|| {
            CliError::new(format!("{path} has been removed"))
                .hint(format!("pvefs log {path} shows its revisions"))
        });
    };
    if revision > store.revision() {
        let newest = store.revision();
        return Err(CliError::new(format!(
            "there is no revision {revision}; the newest is {newest}"
        )));
    }
    match store.read_at(path, revision) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(CliError::new(format!("{path} did not exist at revision {revision}"))),
        Err(error @ StoreError::Compacted(_)) => {
            Err(CliError::new(error).hint(format!("pvefs log {path} shows what is kept")))
        }
        Err(error) => Err(CliError::new(error)),
    }
}

/// A time as people and programs read it, in UTC.
pub fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pvefs_store::{Author, Change, Commit, MemoryStore};

    #[test]
    fn targets_are_a_name_and_perhaps_a_revision() {
        let target = |name: &str, revision| Target { name: name.to_owned(), revision };
        assert_eq!("100".parse(), Ok(target("100", None)));
        assert_eq!("100@12".parse(), Ok(target("100", Some(12))));
        assert_eq!("a@b/storage.cfg@7".parse(), Ok(target("a@b/storage.cfg", Some(7))));
        assert!("100@x".parse::<Target>().is_err());
        assert!("@7".parse::<Target>().is_err());
    }

    #[test]
    fn an_id_means_the_configuration_that_exists() {
        let store = MemoryStore::new();
        let path = |text: &str| text.parse::<TreePath>().unwrap();
        let dirs = ["nodes", "nodes/a", "nodes/a/lxc", "nodes/b", "nodes/b/lxc"];
        let put = |name: &str| Change::Put { path: path(name), data: b"x".as_slice().into() };
        let commit = |changes| {
            let commit = Commit { changes, author: Author::default(), ..Commit::default() };
            store.commit(commit).unwrap();
        };
        commit(dirs.iter().map(|dir| Change::Mkdir { path: path(dir) }).collect());
        commit(vec![put("nodes/a/lxc/100.conf")]);
        commit(vec![
            Change::Remove { path: path("nodes/a/lxc/100.conf") },
            put("nodes/b/lxc/100.conf"),
        ]);
        let settings = Settings { node: "a".to_owned(), ..Settings::default() };
        let found = |name: &str| find(&store, &settings, name).map(|path| path.to_string());
        assert_eq!(found("100").unwrap(), "nodes/b/lxc/100.conf");
        assert_eq!(found("/etc/pve/lxc/100.conf").unwrap(), "nodes/a/lxc/100.conf");
        assert_eq!(found("local/lxc/100.conf").unwrap(), "nodes/a/lxc/100.conf");
        assert!(found("101").is_err() && found("../x").is_err());
    }
}
