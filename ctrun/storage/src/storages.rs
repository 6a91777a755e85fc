//! The storages of a node, as `storage.cfg` describes them.

use std::path::{Path, PathBuf};

use pve_config::schema::{STORAGE_KEYS, find, parse_boolean, storage_type};
use pve_config::{StorageDocument, StorageSection};

use crate::btrfs::Btrfs;
use crate::content::Content;
use crate::dir::Dir;
use crate::layout::{Layout, Preallocation};
use crate::storage::Storage;
use crate::volid::{Format, VolumeId};

/// What is not in `storage.cfg`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the storage `local` is: `/var/lib/vz`, unless a test or a second instance moves it.
    pub local: PathBuf,
    /// The name of this node.
    pub node: String,
}

impl Default for Settings {
    fn default() -> Self {
        let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let node = node.split('.').next().unwrap_or_default().to_owned();
        Self { local: "/var/lib/vz".into(), node }
    }
}

/// A storage that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not in `storage.cfg`.
    #[error("the storage `{0}` does not exist: expected one of {1}")]
    Unknown(String, String),
    /// It is switched off.
    #[error("the storage `{0}` is disabled (`disable` in storage.cfg)")]
    Disabled(String),
    /// Other nodes have it.
    #[error("the storage `{storage}` is not on this node, {node}: it is on {nodes}")]
    OtherNode {
        /// The storage.
        storage: String,
        /// This node.
        node: String,
        /// The nodes that have it.
        nodes: String,
    },
    /// It does not take such things.
    #[error("the storage `{storage}` does not hold `{content}`: its content is {holds}")]
    Content {
        /// The storage.
        storage: String,
        /// What it was to hold.
        content: &'static str,
        /// What it holds.
        holds: String,
    },
    /// Its type is known, but not to us yet.
    #[error(
        "the storage `{storage}` is of type `{kind}`, which is not supported yet: use `dir` or `btrfs`"
    )]
    NotSupported {
        /// The storage.
        storage: String,
        /// Its type.
        kind: String,
    },
    /// Its type is none.
    #[error("the storage `{storage}` has the type `{kind}`, which does not exist")]
    UnknownType {
        /// The storage.
        storage: String,
        /// Its type.
        kind: String,
    },
    /// A property is missing or has a bad value.
    #[error("the storage `{storage}` cannot be used: `{key}`: {why}")]
    Property {
        /// The storage.
        storage: String,
        /// The property.
        key: String,
        /// What is wrong with it.
        why: String,
    },
}

/// One storage, as it is described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its type, in lower case.
    pub kind: String,
    /// What it holds, in the order of [`Content::ALL`].
    pub content: Vec<Content>,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Whether all nodes see the same in it.
    pub shared: bool,
    /// The nodes that have it; none means all.
    pub nodes: Vec<String>,
}

/// All storages. What is wrong with one of them is said when it is used.
#[derive(Clone, Debug)]
pub struct Storages {
    document: StorageDocument,
    entries: Vec<Entry>,
    settings: Settings,
}

impl Storages {
    /// Reads the text of `storage.cfg`; an empty one has the storage `local`.
    pub fn parse(text: impl Into<String>, settings: Settings) -> Self {
        let document = StorageDocument::parse(text);
        let mut entries: Vec<Entry> = Vec::new();
        for section in document.sections() {
            let entry = entry(&document, section);
            // Of two with one name the first counts, as with two properties.
            if !entries.iter().any(|known| known.name == entry.name) {
                entries.push(entry);
            }
        }
        if !entries.iter().any(|entry| entry.name == LOCAL) {
            let content = [Content::Backup, Content::VzTmpl, Content::Iso];
            let content = contents("images,rootdir,snippets,import").into_iter().chain(content);
            let mut content: Vec<Content> = content.collect();
            content.sort_unstable();
            entries.insert(
                0,
                Entry {
                    name: LOCAL.into(),
                    kind: "dir".into(),
                    content,
                    disabled: false,
                    shared: false,
                    nodes: Vec::new(),
                },
            );
        }
        if let Some(local) = entries.iter_mut().find(|entry| entry.name == LOCAL) {
            // storage.md A2: it is on every node, whatever is written.
            local.nodes.clear();
        }
        Self { document, entries, settings }
    }

    /// All of them, `local` included.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The storage `name`, whatever its type, if this node may use it.
    pub fn entry(&self, name: &str) -> Result<&Entry, Error> {
        let entry = self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
            Error::Unknown(name.into(), names.join(", "))
        })?;
        if entry.disabled {
            return Err(Error::Disabled(name.into()));
        }
        if !entry.nodes.is_empty() && !entry.nodes.contains(&self.settings.node) {
            return Err(Error::OtherNode {
                storage: name.into(),
                node: self.settings.node.clone(),
                nodes: entry.nodes.join(", "),
            });
        }
        Ok(entry)
    }

    /// The storage `name`, ready for work on volumes that are there already.
    pub fn get(&self, name: &str) -> Result<Box<dyn Storage>, Error> {
        let entry = self.entry(name)?;
        match entry.kind.as_str() {
            "dir" => Ok(Box::new(Dir::new(self.layout(entry)?))),
            "btrfs" => {
                let layout = self.layout(entry)?;
                let nocow = self.flag(name, "nocow").unwrap_or(false);
                Ok(Box::new(Btrfs::new(layout, nocow)))
            }
            kind if storage_type(kind).is_some() => {
                Err(Error::NotSupported { storage: name.into(), kind: kind.into() })
            }
            kind => Err(Error::UnknownType { storage: name.into(), kind: kind.into() }),
        }
    }

    /// The storage `name`, to put `content` into it.
    pub fn get_for(&self, name: &str, content: Content) -> Result<Box<dyn Storage>, Error> {
        let entry = self.entry(name)?;
        if !entry.content.contains(&content) {
            let holds: Vec<&str> = entry.content.iter().map(|content| content.name()).collect();
            return Err(Error::Content {
                storage: name.into(),
                content: content.name(),
                holds: if holds.is_empty() { "none".into() } else { holds.join(",") },
            });
        }
        self.get(name)
    }

    /// The storage that holds `volume`.
    pub fn of(&self, volume: &VolumeId) -> Result<Box<dyn Storage>, Error> {
        self.get(volume.storage())
    }

    fn property(&self, storage: &str, key: &str) -> Option<&str> {
        self.document.get(self.document.section(storage)?, key)
    }

    /// A flag that may be missing.
    fn flag(&self, storage: &str, key: &str) -> Option<bool> {
        let value = self.property(storage, key)?;
        Some(value.is_empty() || parse_boolean(value) == Some(true))
    }

    /// What `dir` and its like have in common.
    fn layout(&self, entry: &Entry) -> Result<Layout, Error> {
        let storage = entry.name.as_str();
        let bad = |key: &str, why: String| Error::Property {
            storage: storage.into(),
            key: key.into(),
            why,
        };
        let written = self.property(storage, "path").map(PathBuf::from);
        let is_local = storage == LOCAL;
        let root = match written {
            // A second instance has its own `local`, though both read the same words.
            Some(path) if is_local && path == Path::new("/var/lib/vz") => {
                self.settings.local.clone()
            }
            Some(path) => path,
            None if is_local => self.settings.local.clone(),
            None => return Err(bad("path", "it is missing".into())),
        };
        check_value("path", &root.to_string_lossy()).map_err(|why| bad("path", why))?;
        let mkdir = self.flag(storage, "mkdir").unwrap_or(true);
        let mountpoint = match self.property(storage, "is_mountpoint") {
            None => None,
            Some(value) if value.starts_with('/') => Some(PathBuf::from(value)),
            Some("") => Some(root.clone()),
            Some(value) => match parse_boolean(value) {
                Some(true) => Some(root.clone()),
                Some(false) => None,
                None => {
                    return Err(bad(
                        "is_mountpoint",
                        format!("{value:?} is neither yes, no nor a path"),
                    ));
                }
            },
        };
        let preallocation = match self.property(storage, "preallocation") {
            // Metadata is what qcow2 has; a raw image has none.
            None | Some("off" | "metadata") => Preallocation::Off,
            Some("falloc") => Preallocation::Allocate,
            Some("full") => Preallocation::Write,
            Some(value) => return Err(bad("preallocation", format!("{value:?} is none"))),
        };
        Ok(Layout {
            storage: storage.into(),
            content_dirs: self.content_dirs(storage).map_err(|why| bad("content-dirs", why))?,
            create_root: self.flag(storage, "create-base-path").unwrap_or(mkdir),
            create_dirs: self.flag(storage, "create-subdirs").unwrap_or(mkdir),
            mountpoint,
            preallocation,
            default_format: match self.property(storage, "format") {
                Some("subvol") => Some(Format::Subvol),
                Some("raw") => Some(Format::Raw),
                _ => None,
            },
            node: self.settings.node.clone(),
            shared: entry.shared,
            root,
        })
    }

    /// `content-dirs KIND=/DIR,…`: directories below the storage's own.
    fn content_dirs(&self, storage: &str) -> Result<Vec<(Content, PathBuf)>, String> {
        let Some(value) = self.property(storage, "content-dirs") else { return Ok(Vec::new()) };
        let mut dirs = Vec::new();
        for part in value.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (kind, dir) =
                part.split_once('=').ok_or(format!("{part:?} is no KIND=DIRECTORY"))?;
            let content = Content::by_name(kind).ok_or(format!("{kind:?} is no content"))?;
            let dir = Path::new(dir.trim_start_matches('/'));
            let is_inside = dir.components().all(|c| matches!(c, std::path::Component::Normal(_)));
            if !is_inside || dir.as_os_str().is_empty() {
                return Err(format!("{part:?} does not lead to a directory of the storage"));
            }
            dirs.push((content, dir.to_owned()));
        }
        Ok(dirs)
    }
}

const LOCAL: &str = "local";

fn check_value(key: &str, value: &str) -> Result<(), String> {
    let Ok(option) = find(STORAGE_KEYS, key) else { return Ok(()) };
    match option.format.problems(value).into_iter().next() {
        Some(problem) => Err(problem.message),
        None => Ok(()),
    }
}

fn entry(document: &StorageDocument, section: &StorageSection) -> Entry {
    let text = document.text();
    let kind = text[section.kind.clone()].to_ascii_lowercase();
    let known = storage_type(&kind);
    let content = document.get(section, "content");
    let content = content.unwrap_or(known.map_or("none", |known| known.default_content));
    // storage.md A3: what these hold is on a server, so all nodes see the same.
    let always_shared =
        ["iscsi", "nfs", "cifs", "rbd", "cephfs", "iscsidirect", "zfs", "drbd", "pbs"];
    Entry {
        name: text[section.name.clone()].to_owned(),
        content: contents(content),
        disabled: document.flag(section, "disable"),
        shared: document.flag(section, "shared") || always_shared.contains(&kind.as_str()),
        nodes: words(document.get(section, "nodes").unwrap_or_default())
            .map(str::to_owned)
            .collect(),
        kind,
    }
}

fn contents(text: &str) -> Vec<Content> {
    let mut found: Vec<Content> = words(text).filter_map(Content::by_name).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', ' ', '\t']).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { local: "/nowhere/vz".into(), node: "here".into() }
    }

    const TEXT: &str = "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl\n\tnodes there\n\n\
        dir: fast\n\tpath /nowhere/fast\n\tcontent rootdir\n\tcontent-dirs vztmpl=/t/c\n\n\
        dir: off\n\tpath /nowhere/off\n\tdisable\n\n\
        dir: far\n\tpath /nowhere/far\n\tnodes there,everywhere\n\n\
        lvmthin: thin\n\tvgname pve\n\tthinpool data\n\n\
        nfs: share\n\tpath /mnt/x\n\tserver a\n\texport /b\n\n\
        bogus: what\n\tpath /x\n\n\
        dir: lost\n\tcontent rootdir\n\n\
        dir: rel\n\tpath a/b\n\n\
        dir: odd\n\tpath /nowhere/odd\n\tcontent-dirs iso=../../etc\n\n\
        dir: nothing\n\tpath /nowhere/n\n\tcontent none\n";

    #[test]
    fn local_is_always_there() {
        let storages = Storages::parse("", settings());
        let local = storages.get("local").unwrap();
        assert_eq!((local.name(), local.kind()), ("local", "dir"));
        let id = "local:100/vm-100-disk-0.raw".parse().unwrap();
        let path = local.path(&id, None).unwrap();
        assert_eq!(path, Path::new("/nowhere/vz/images/100/vm-100-disk-0.raw"));
        // Written with the usual path it is still this instance's own, and on this node.
        let storages = Storages::parse(TEXT, settings());
        let id = "local:vztmpl/a.tar".parse().unwrap();
        let path = storages.of(&id).unwrap().path(&id, None).unwrap();
        assert_eq!(path, Path::new("/nowhere/vz/template/cache/a.tar"));
    }

    #[test]
    fn each_reason_not_to_use_a_storage_is_named() {
        let storages = Storages::parse(TEXT, settings());
        let why = |name: &str| storages.get_for(name, Content::RootDir).err().unwrap().to_string();
        assert!(
            why("tank")
                .starts_with("the storage `tank` does not exist: expected one of local, fast")
        );
        assert_eq!(
            why("local"),
            "the storage `local` does not hold `rootdir`: its content is vztmpl,iso"
        );
        assert!(why("nothing").ends_with("its content is none"));
        assert!(why("off").contains("is disabled"));
        assert_eq!(
            why("far"),
            "the storage `far` is not on this node, here: it is on there, everywhere"
        );
        assert!(why("thin").contains("of type `lvmthin`, which is not supported yet"));
        assert!(why("share").contains("does not hold `rootdir`: its content is images"));
        assert!(storages.get("share").err().unwrap().to_string().contains("`nfs`"));
        assert!(storages.get("what").err().unwrap().to_string().contains("`bogus`"));
        assert!(why("lost").contains("`path`: it is missing"));
        assert!(why("rel").contains("`path`"));
        assert!(storages.get("odd").err().unwrap().to_string().contains("content-dirs"));
        storages.get_for("fast", Content::RootDir).unwrap();
    }

    #[test]
    fn content_may_lie_elsewhere() {
        let storages = Storages::parse(TEXT, settings());
        let id = "fast:vztmpl/a.tar.zst".parse().unwrap();
        let path = storages.of(&id).unwrap().path(&id, None).unwrap();
        assert_eq!(path, Path::new("/nowhere/fast/t/c/a.tar.zst"));
    }

    #[test]
    fn entries_say_what_is_written() {
        let storages = Storages::parse(TEXT, settings());
        let share = storages.entries().iter().find(|entry| entry.name == "share").unwrap();
        assert!(share.shared && !share.disabled);
        assert_eq!(share.content, [Content::Images]);
        let off = storages.entries().iter().find(|entry| entry.name == "off").unwrap();
        assert_eq!(off.content, [Content::Images, Content::RootDir]);
    }
}
