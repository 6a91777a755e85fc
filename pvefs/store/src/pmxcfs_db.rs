//! Reading the database of the reference system, Proxmox VE's `config.db`, for an import.

use crate::sqlite::immutable_uri;
use crate::types::{Content, Kind};
use crate::{PathError, TreePath};
use rusqlite::{Connection, OpenFlags};
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A file or directory of the other system's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportEntry {
    /// Where.
    pub path: TreePath,
    /// File or directory.
    pub kind: Kind,
    /// Modification time, in whole seconds.
    pub mtime: SystemTime,
    /// The content; empty for a directory.
    pub data: Content,
}

/// Why a `config.db` cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file, or the copy of it that had to be made, cannot be read or written.
    #[error("read {path}: {source}")]
    Io {
        /// The database.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no SQLite database, or a damaged one.
    #[error("read {path}: {source}")]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// It is an SQLite database, but not a `config.db`.
    #[error("{path} is not a Proxmox VE config.db: {reason}")]
    Foreign {
        /// The database.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A row makes no sense.
    #[error("{path}: inode {inode} ({name:?}): {reason}")]
    Row {
        /// The database.
        path: PathBuf,
        /// The row.
        inode: i64,
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

struct Inode {
    parent: i64,
    kind: Kind,
    name: String,
    mtime: u64,
    data: Vec<u8>,
}

const DIRECTORY: i64 = 4;
const FILE: i64 = 8;

/// Reads the tree in the `config.db` at `path`, in order of paths, so that a directory comes before what is in it.
///
/// The file is opened read-only and as one that nobody changes. If its write-ahead log holds commits (`config.db-wal`;
/// the other system runs, or was killed), a private copy of both is read instead; stop the other system first to be sure
/// of the newest state.
///
/// # Errors
/// See [`ImportError`].
pub fn read_config_db(path: &Path) -> Result<Vec<ImportEntry>, ImportError> {
    let io_failed = |source| ImportError::Io { path: path.to_owned(), source };
    // SQLite's own message does not tell a missing file from a forbidden one.
    fs::File::open(path).map_err(io_failed)?;
    let mut log = OsString::from(path);
    log.push("-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let copy = tempfile::tempdir().map_err(io_failed)?;
        let database = copy.path().join("config.db");
        fs::copy(path, &database).map_err(io_failed)?;
        fs::copy(&log, copy.path().join("config.db-wal")).map_err(io_failed)?;
        let connection = Connection::open(&database);
        return connection.map_err(|source| sqlite(path, source)).and_then(|db| read(&db, path));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable_uri(path), flags);
    connection.map_err(|source| sqlite(path, source)).and_then(|db| read(&db, path))
}

fn sqlite(path: &Path, source: rusqlite::Error) -> ImportError {
    ImportError::Sqlite { path: path.to_owned(), source }
}

fn read(database: &Connection, path: &Path) -> Result<Vec<ImportEntry>, ImportError> {
    let foreign =
        |reason: &str| ImportError::Foreign { path: path.to_owned(), reason: reason.to_owned() };
    let verdict: String = database
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|source| sqlite(path, source))?;
    if verdict != "ok" {
        return Err(foreign(&format!("it is damaged ({verdict})")));
    }
    if !database.table_exists(None, "tree").map_err(|source| sqlite(path, source))? {
        return Err(foreign("it has no table \"tree\""));
    }
    let inodes = read_inodes(database).map_err(|source| sqlite(path, source))?;
    if inodes.get(&0).is_none_or(|inode| inode.0.name != "__version__") {
        return Err(foreign("its table \"tree\" has no row \"__version__\""));
    }
    let mut entries = BTreeMap::new();
    for (id, (inode, kind)) in &inodes {
        if *id == 0 {
            continue;
        }
        let wrong = |reason: String| ImportError::Row {
            path: path.to_owned(),
            inode: *id,
            name: inode.name.clone(),
            reason,
        };
        if *kind != DIRECTORY && *kind != FILE {
            return Err(wrong(format!("has type {kind}, neither directory (4) nor file (8)")));
        }
        let place = path_of(*id, &inodes).map_err(wrong)?;
        let entry = ImportEntry {
            path: place.clone(),
            kind: inode.kind,
            mtime: SystemTime::UNIX_EPOCH + Duration::from_secs(inode.mtime),
            data: Arc::from(inode.data.as_slice()),
        };
        if entries.insert(place.clone(), entry).is_some() {
            return Err(wrong(format!("{place} exists twice")));
        }
    }
    Ok(entries.into_values().collect())
}

fn read_inodes(database: &Connection) -> rusqlite::Result<BTreeMap<i64, (Inode, i64)>> {
    database
        .prepare("SELECT inode, parent, type, name, mtime, data FROM tree")?
        .query_map([], |row| {
            let kind = row.get(2)?;
            let inode = Inode {
                parent: row.get(1)?,
                kind: if kind == DIRECTORY { Kind::Dir } else { Kind::File },
                name: row.get(3)?,
                // 32 bits there, unsigned.
                mtime: u64::from(row.get::<_, i64>(4)? as u32),
                // Text where somebody has mended a file by hand with the sqlite3 program.
                data: row.get_ref(5)?.as_bytes_or_null()?.unwrap_or_default().to_vec(),
            };
            Ok((row.get(0)?, (inode, kind)))
        })?
        .collect()
}

fn path_of(id: i64, inodes: &BTreeMap<i64, (Inode, i64)>) -> Result<TreePath, String> {
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    let mut next = id;
    while next != 0 {
        if !seen.insert(next) {
            return Err(format!("is inside itself, by way of inode {next}"));
        }
        let Some((inode, _)) = inodes.get(&next) else {
            return Err(format!("is in directory inode {next}, which does not exist"));
        };
        if next != id && inode.kind != Kind::Dir {
            return Err(format!("is in inode {next} ({:?}), which is a file", inode.name));
        }
        names.push(inode.name.as_str());
        next = inode.parent;
    }
    let joined = |path: TreePath, name: &&str| path.join(name);
    names
        .iter()
        .rev()
        .try_fold(TreePath::root(), joined)
        .map_err(|error: PathError| format!("has no usable name: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "CREATE TABLE tree (inode INTEGER PRIMARY KEY, parent INTEGER NOT NULL,
        version INTEGER NOT NULL, writer INTEGER NOT NULL, mtime INTEGER NOT NULL, type INTEGER NOT NULL,
        name TEXT NOT NULL, data BLOB);
        INSERT INTO tree VALUES (0, 0, 9, 0, 1700000000, 8, '__version__', NULL);";

    fn database(rows: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config 100%?.db");
        Connection::open(&path).unwrap().execute_batch(&format!("{SCHEMA}{rows}")).unwrap();
        (directory, path)
    }

    #[test]
    fn reads_the_tree_in_order_and_leaves_the_file_alone() {
        let (directory, path) = database(
            "INSERT INTO tree VALUES (7, 2, 7, 0, 1700000007, 8, '100.conf', 'memory: 512');
             INSERT INTO tree VALUES (2, 0, 2, 0, 1700000002, 4, 'nodes', NULL);
             INSERT INTO tree VALUES (8, 0, 8, 0, 4000000000, 8, 'empty', NULL);",
        );
        let before = fs::read(&path).unwrap();
        let entries = read_config_db(&path).unwrap();
        let names: Vec<_> = entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(names, ["empty", "nodes", "nodes/100.conf"]);
        assert_eq!((entries[1].kind, entries[2].kind), (Kind::Dir, Kind::File));
        assert_eq!(&*entries[2].data, b"memory: 512");
        assert_eq!(entries[2].mtime, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_007));
        assert_eq!(entries[0].mtime, SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000));
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn reads_what_is_only_in_the_write_ahead_log() {
        let (directory, path) = database("");
        let writer = Connection::open(&path).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer.execute("INSERT INTO tree VALUES (3,0,3,0,1,8,'late','x')", []).unwrap();
        let log = fs::read(directory.path().join("config 100%?.db-wal")).unwrap();
        assert!(!log.is_empty());
        assert_eq!(read_config_db(&path).unwrap()[0].path.as_str(), "late");
        assert_eq!(fs::read(directory.path().join("config 100%?.db-wal")).unwrap(), log);
    }

    #[test]
    fn says_what_is_wrong_with_a_row() {
        for (row, message) in [
            ("(5, 4, 1, 0, 1, 8, 'x', NULL)", "is in directory inode 4, which does not exist"),
            ("(5, 5, 1, 0, 1, 4, 'x', NULL)", "is inside itself, by way of inode 5"),
            ("(5, 0, 1, 0, 1, 8, '..', NULL)", "has no usable name"),
            ("(5, 0, 1, 0, 1, 8, 'a/b', NULL)", "has no usable name"),
            ("(5, 0, 1, 0, 1, 6, 'x', NULL)", "has type 6"),
            ("(5, 0, 1, 0, 1, 8, 'x', NULL), (6, 0, 1, 0, 1, 8, 'x', NULL)", "x exists twice"),
            ("(5, 6, 1, 0, 1, 8, 'x', NULL), (6, 0, 1, 0, 1, 8, 'y', NULL)", "which is a file"),
        ] {
            let (_directory, path) = database(&format!("INSERT INTO tree VALUES {row};"));
            let error = read_config_db(&path).unwrap_err();
            assert!(matches!(error, ImportError::Row { .. }), "{error}");
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn refuses_what_is_no_config_db() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.db");
        assert!(matches!(read_config_db(&path), Err(ImportError::Io { .. })));
        fs::write(&path, "no database at all, but long enough to look into: ".repeat(20)).unwrap();
        assert!(matches!(read_config_db(&path), Err(ImportError::Sqlite { .. })));
        fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
        assert!(matches!(read_config_db(&path), Err(ImportError::Foreign { .. })));
    }
}
