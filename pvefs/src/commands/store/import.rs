//! `pvefs import`: takes in a directory, or the database of a Proxmox VE node.

use crate::cli::CliError;
use crate::commands::place::PlaceArgs;
use crate::fs::{GuestPath, is_internal};
use crate::judge::kind_of;
use pve_config::check;
use pvefs_store::pmxcfs_db::{ImportEntry, read_config_db};
use pvefs_store::{
    Author, Change, Commit, Kind, Precondition, SqliteOptions, SqliteStore, Store, TreePath,
};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Take in a directory, or the config.db of a Proxmox VE node; not while it is mounted
///
/// All files are taken as they are, mistakes included: those are told, and can be mended later. Links, and the files that
/// Proxmox VE makes up (.version and others), are left out.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Replace files that exist and differ
    #[arg(long)]
    force: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// A directory such as a copy of /etc/pve, or a config.db
    source: PathBuf,
}

/// Names at the top that are made up, not stored.
const VIRTUAL: [&str; 6] = [".version", ".vmlist", ".members", ".clusterlog", ".rrd", ".debug"];

fn failed(path: &Path) -> impl FnOnce(io::Error) -> CliError {
    let message = format!("cannot read {}", path.display());
    move |error| CliError::new(format!("{message}: {error}"))
}

/// Everything below a directory, parents first.
fn read_directory(top: &Path) -> Result<Vec<ImportEntry>, CliError> {
    let mut found = Vec::new();
    let mut waiting = vec![(top.to_owned(), TreePath::root())];
    while let Some((folder, path)) = waiting.pop() {
        for item in fs::read_dir(&folder).map_err(failed(&folder))? {
            let item = item.map_err(failed(&folder))?;
            let source = item.path();
            let name = item.file_name();
            let inside = name
                .to_str()
                .ok_or_else(|| "the name is not UTF-8".to_owned())
                .and_then(|name| path.join(name).map_err(|error| error.to_string()))
                .map_err(|error| CliError::new(format!("{}: {error}", source.display())))?;
            let about = item.metadata().map_err(failed(&source))?;
            if VIRTUAL.contains(&inside.as_str()) || is_internal(&inside) {
                continue;
            }
            let mtime = about.modified().map_err(failed(&source))?;
            if about.is_dir() {
                found.push(ImportEntry {
                    path: inside.clone(),
                    kind: Kind::Dir,
                    mtime,
                    data: [].into(),
                });
                waiting.push((source, inside));
            } else if about.is_file() {
                let data = fs::read(&source).map_err(failed(&source))?.into();
                found.push(ImportEntry { path: inside, kind: Kind::File, mtime, data });
            } else {
                eprintln!("left out: {} is a link or a special file", source.display());
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// A guest's number exists once, whatever the node or the kind.
fn refuse_duplicates(entries: &[ImportEntry]) -> Result<(), CliError> {
    let mut seen: BTreeMap<u32, &TreePath> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
        let Some(guest) = GuestPath::parse(&entry.path) else { continue };
        if let Some(first) = seen.insert(guest.id, &entry.path) {
            return Err(CliError::new(format!(
                "guest {} is there twice: {first} and {}",
                guest.id, entry.path
            ))
            .hint("remove or renumber one of them first"));
        }
    }
    Ok(())
}

#[derive(Default)]
struct Plan {
    commit: Commit,
    files: usize,
    same: usize,
    differ: Vec<TreePath>,
}

fn plan(store: &dyn Store, entries: Vec<ImportEntry>) -> Result<Plan, CliError> {
    let mut plan = Plan::default();
    for entry in entries {
        let now = store.stat(&entry.path).map_err(CliError::new)?;
        match (entry.kind, now.map(|now| now.kind)) {
            (Kind::Dir, Some(Kind::Dir)) => continue,
            (Kind::Dir, None) => plan.commit.changes.push(Change::Mkdir { path: entry.path }),
            (Kind::File, None | Some(Kind::File)) => {
                if let Some(now) = now {
                    let old = store.read(&entry.path).map_err(CliError::new)?;
                    if old.is_some_and(|(_, old)| old == entry.data) {
                        plan.same += 1;
                        continue;
                    }
                    plan.differ.push(entry.path.clone());
                    let path = entry.path.clone();
                    plan.commit
                        .preconditions
                        .push(Precondition::At { path, revision: now.modified });
                }
                plan.files += 1;
                let (path, mtime) = (entry.path, entry.mtime);
                plan.commit.changes.push(Change::Put { path: path.clone(), data: entry.data });
                plan.commit.changes.push(Change::Touch { path, mtime });
            }
            (_, Some(_)) => {
                return Err(CliError::new(format!(
                    "{}: a file and a directory have one name",
                    entry.path
                )));
            }
        }
    }
    Ok(plan)
}

/// Says which configurations have mistakes.
fn tell_mistakes(entries: &[ImportEntry]) {
    for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
        let Some(kind) = kind_of(&entry.path) else { continue };
        let errors = check(kind, &entry.data).errors().count();
        if errors > 0 {
            let plural = if errors == 1 { "" } else { "s" };
            eprintln!("{}: {errors} mistake{plural}; pvefs check shows them", entry.path);
        }
    }
}

/// Takes everything in, in one commit.
///
/// # Errors
/// When the source cannot be read, the store is in use, or files differ and `--force` is not given. Nothing is changed
/// then.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let source = args.source.as_path();
    let about = fs::metadata(source).map_err(failed(source))?;
    let entries = if about.is_dir() {
        read_directory(source)?
    } else {
        read_config_db(source).map_err(CliError::new)?
    };
    refuse_duplicates(&entries)?;
    let settings = args.place.settings()?;
    let store =
        SqliteStore::open(&settings.store, SqliteOptions::default()).map_err(CliError::new)?;
    tell_mistakes(&entries);
    let mut plan = plan(&store, entries)?;
    if !plan.differ.is_empty() && !args.force {
        let some: Vec<_> = plan.differ.iter().take(5).map(ToString::to_string).collect();
        let more = if plan.differ.len() > some.len() { ", …" } else { "" };
        return Err(CliError::new(format!(
            "{} files exist and differ: {}{more}",
            plan.differ.len(),
            some.join(", ")
        ))
        .hint("--force replaces them; their present texts stay in history"));
    }
    let (files, same) = (plan.files, plan.same);
    if args.dry_run {
        eprintln!("would import {files} files; {same} are there already");
        return Ok(ExitCode::SUCCESS);
    }
    plan.commit.author = Author {
        uid: Some(nix::unistd::getuid().as_raw()),
        pid: Some(std::process::id()),
        program: "pvefs import".to_owned(),
    };
    store.commit(plan.commit).map_err(CliError::new)?;
    eprintln!("imported {files} files; {same} were there already");
    Ok(ExitCode::SUCCESS)
}
