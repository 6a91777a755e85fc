//! Copies of test roots, and options that make results the same each time.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use ct_guest::{Event, Host, Options, Outcome, Owner, Root, Settings, plan};
use pve_config::{Config, Document};
use tempfile::TempDir;

/// All test roots.
pub fn fixtures() -> Vec<String> {
    let dir = fs::read_dir(dir()).unwrap();
    let mut names: Vec<_> =
        dir.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else if kind.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
            // Whatever the umask of the checkout was.
            fs::set_permissions(&to, fs::Permissions::from_mode(0o644)).unwrap();
        }
    }
}

/// A guest to be set up.
pub struct Guest {
    pub dir: TempDir,
    pub owner: Owner,
}

impl Guest {
    /// A copy of a test root.
    pub fn new(fixture: &str) -> Self {
        let guest = Self::empty();
        copy(&dir().join(fixture), guest.dir.path());
        guest
    }

    /// An empty root.
    pub fn empty() -> Self {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        let owner = Owner { uid: uid.as_raw(), gid: gid.as_raw() };
        Self { dir: TempDir::new().unwrap(), owner }
    }

    /// A path in it.
    pub fn path(&self, path: &str) -> PathBuf {
        assert!(!path.starts_with('/'), "{path} would be the host's");
        self.dir.path().join(path)
    }

    /// Writes a file.
    pub fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The text of a file.
    pub fn get(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The root, with all planned for an event.
    pub fn plan(&self, config: &str, event: Event) -> Result<(Root, Outcome), ct_guest::Error> {
        let mut root = Root::open(self.dir.path(), self.owner)?;
        let outcome = plan(&mut root, &settings(config), &options(), event)?;
        Ok((root, outcome))
    }

    /// Does all of an event.
    pub fn run(&self, config: &str, event: Event) {
        self.plan(config, event).unwrap().0.apply().unwrap();
    }

    /// Everything below the root: paths with content, target, mode and owner.
    pub fn tree(&self) -> Vec<String> {
        let mut all = Vec::new();
        walk(self.dir.path(), self.dir.path(), &mut all);
        all.sort();
        all
    }
}

fn walk(top: &Path, dir: &Path, all: &mut Vec<String>) {
    use std::os::unix::fs::MetadataExt as _;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        let what = if meta.is_symlink() {
            format!("{:?}", fs::read_link(&path).unwrap())
        } else if meta.is_file() {
            String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
        } else {
            String::new()
        };
        let name = path.strip_prefix(top).unwrap().display().to_string();
        all.push(format!("{name} {:o} {}:{} {what}", meta.mode(), meta.uid(), meta.gid()));
        if meta.is_dir() {
            walk(top, &path, all);
        }
    }
}

pub fn settings(config: &str) -> Settings {
    let document = Document::parse(config);
    Settings::from_config(&Config::new(&document, document.main()))
}

pub fn options() -> Options {
    Options {
        host: Host {
            nameservers: vec!["192.0.2.53".into()],
            search: vec!["host.example".into()],
            timezone: Some("Europe/Vienna".into()),
        },
        password: Some(ct_guest::Password::Hash("$6$salt$hash".into())),
        ssh_keys: Some("ssh-ed25519 AAAA me@here\n".into()),
        cron_minutes: vec![11, 22, 33],
        uuid: Some("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee".into()),
        dry_run: false,
        today: 20_000,
    }
}
