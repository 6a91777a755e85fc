//! Types and properties of `storage.cfg`.

use super::HotPlug::Recorded;
use super::{Format, OptionDef, option};

/// One storage type.
#[derive(Debug)]
pub struct StorageType {
    /// Its name, as in `dir: local`.
    pub name: &'static str,
    /// The properties that it must have.
    pub required: &'static [&'static str],
    /// The properties that only it and its like have. Those of all types are in [`COMMON`].
    pub optional: &'static [&'static str],
    /// The content types it can hold.
    pub content: &'static [&'static str],
    /// What it holds when nothing is said.
    pub default_content: &'static str,
    /// What it is, in a few words.
    pub help: &'static str,
}

/// The properties of every type.
pub(crate) const COMMON: &[&str] = &[
    "content",
    "nodes",
    "disable",
    "shared",
    "prune-backups",
    "maxfiles",
    "bwlimit",
    "max-protected-backups",
    "format",
    "preallocation",
    "content-dirs",
    "create-base-path",
    "create-subdirs",
    "mkdir",
    "is_mountpoint",
    "snapshot-as-volume-chain",
];

const FILES: &[&str] =
    &["images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none"];
const BLOCK: &[&str] = &["images", "rootdir", "none"];

const fn kind(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    content: &'static [&'static str],
    default_content: &'static str,
    help: &'static str,
) -> StorageType {
    StorageType { name, required, optional, content, default_content, help }
}

/// Every storage type of the reference.
pub static STORAGE_TYPES: &[StorageType] = &[
    kind("dir", &["path"], &[], FILES, "images,rootdir", "Directory"),
    kind("btrfs", &["path"], &["nocow"], FILES, "images,rootdir", "Btrfs file system"),
    kind("nfs", &["path", "server", "export"], &["options"], FILES, "images", "NFS share"),
    kind(
        "cifs",
        &["path", "server", "share"],
        &["username", "password", "domain", "smbversion", "options", "subdir"],
        FILES,
        "images",
        "SMB share",
    ),
    kind(
        "cephfs",
        &["path"],
        &["monhost", "username", "subdir", "fuse", "options", "fs-name", "keyring"],
        &["vztmpl", "iso", "backup", "snippets", "import", "none"],
        "backup",
        "CephFS",
    ),
    kind(
        "lvm",
        &["vgname"],
        &["base", "saferemove", "saferemove_throughput", "saferemove-stepsize", "tagged_only"],
        BLOCK,
        "images",
        "LVM volume group",
    ),
    kind("lvmthin", &["vgname", "thinpool"], &[], BLOCK, "images,rootdir", "LVM thin pool"),
    kind(
        "zfspool",
        &["pool"],
        &["blocksize", "sparse", "mountpoint"],
        BLOCK,
        "images,rootdir",
        "ZFS pool",
    ),
    kind(
        "rbd",
        &[],
        &["pool", "monhost", "username", "krbd", "namespace", "data-pool", "keyring"],
        BLOCK,
        "images",
        "Ceph block devices",
    ),
    kind("iscsi", &["portal", "target"], &[], &["images", "none"], "images", "iSCSI target"),
    kind(
        "iscsidirect",
        &["portal", "target"],
        &[],
        &["images", "none"],
        "images",
        "iSCSI without kernel",
    ),
    kind(
        "zfs",
        &["portal", "target", "pool", "blocksize", "iscsiprovider"],
        &["comstar_hg", "comstar_tg", "lio_tpg", "nowritecache", "sparse", "zfs-base-path"],
        &["images", "none"],
        "images",
        "ZFS over iSCSI",
    ),
    kind(
        "pbs",
        &["server", "datastore"],
        &[
            "username",
            "password",
            "fingerprint",
            "encryption-key",
            "master-pubkey",
            "namespace",
            "port",
        ],
        &["backup", "none"],
        "backup",
        "Proxmox Backup Server",
    ),
    kind(
        "esxi",
        &["server", "username"],
        &["password", "port", "skip-cert-verification"],
        &["import"],
        "import",
        "VMware ESXi",
    ),
];

/// Finds a storage type; types are written in any case.
pub fn storage_type(name: &str) -> Option<&'static StorageType> {
    STORAGE_TYPES.iter().find(|kind| kind.name.eq_ignore_ascii_case(name))
}

const TEXT: Format = Format::Text { max: 4096 };
const NUMBER: Format = Format::Integer { min: 0, max: u64::MAX };

const fn property(
    name: &'static str,
    format: Format,
    example: &'static str,
    help: &'static str,
) -> OptionDef {
    option(name, format, None, Recorded, example, help)
}

const fn flag(name: &'static str, help: &'static str) -> OptionDef {
    property(name, Format::Boolean, "1", help)
}

static PRUNE: &[OptionDef] = &[
    flag("keep-all", "Keep all backups"),
    property("keep-last", NUMBER, "3", "Keep the last ones"),
    property("keep-hourly", NUMBER, "24", "Keep one for each of the last hours"),
    property("keep-daily", NUMBER, "7", "Keep one for each of the last days"),
    property("keep-weekly", NUMBER, "4", "Keep one for each of the last weeks"),
    property("keep-monthly", NUMBER, "6", "Keep one for each of the last months"),
    property("keep-yearly", NUMBER, "1", "Keep one for each of the last years"),
];

/// Every property of `storage.cfg`.
pub static STORAGE_KEYS: &[OptionDef] = &[
    property("path", Format::AbsolutePath, "/var/lib/vz", "Directory of the storage"),
    property(
        "content",
        Format::List(&[
            "images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none",
        ]),
        "rootdir,vztmpl",
        "What the storage may hold; `rootdir` is container volumes, `vztmpl` container templates",
    ),
    property(
        "nodes",
        Format::NameList,
        "node1,node2",
        "Nodes that have the storage; all when absent",
    ),
    flag("disable", "Do not use the storage"),
    flag("shared", "The storage holds the same on all nodes"),
    property("prune-backups", Format::Properties(PRUNE), "keep-last=3", "Which backups to keep"),
    property(
        "maxfiles",
        NUMBER,
        "3",
        "How many backups of a guest to keep; prune-backups says it now",
    ),
    property("bwlimit", TEXT, "default=10240", "Limits on bandwidth, in KiB per second"),
    property(
        "max-protected-backups",
        TEXT,
        "5",
        "How many protected backups a guest may have; -1 is any",
    ),
    property(
        "format",
        Format::Enum(&["raw", "qcow2", "vmdk", "subvol"]),
        "raw",
        "Format of new images",
    ),
    property(
        "preallocation",
        Format::Enum(&["off", "metadata", "falloc", "full"]),
        "off",
        "How space for new images is set aside",
    ),
    property("content-dirs", TEXT, "backup=/dump", "Directories for kinds of content"),
    flag("create-base-path", "Make the directory when it is missing"),
    flag("create-subdirs", "Make the directories for kinds of content"),
    flag("mkdir", "Make directories; create-base-path and create-subdirs say it now"),
    property("is_mountpoint", TEXT, "yes", "Use the storage only while something is mounted there"),
    flag("snapshot-as-volume-chain", "Keep snapshots as a chain of volumes"),
    flag("nocow", "Turn off copy on write for images"),
    property("server", Format::Host, "10.0.0.5", "Server"),
    property("export", TEXT, "/srv/export", "Exported directory"),
    property("options", TEXT, "vers=4.2", "Mount options"),
    property("share", TEXT, "data", "Share"),
    property("username", TEXT, "backup@pbs", "User"),
    property("password", TEXT, "secret", "Password"),
    property("domain", TEXT, "EXAMPLE", "Domain"),
    property("smbversion", TEXT, "3.11", "Version of the protocol"),
    property("subdir", TEXT, "/backup", "Directory of the share"),
    property("monhost", TEXT, "10.0.0.1 10.0.0.2", "Ceph monitors"),
    flag("fuse", "Mount through FUSE"),
    property("fs-name", TEXT, "cephfs", "Name of the file system"),
    property("keyring", TEXT, "/etc/ceph/keyring", "Ceph keyring"),
    property("vgname", TEXT, "pve", "Volume group"),
    property("thinpool", TEXT, "data", "Thin pool"),
    property("base", TEXT, "iscsi:0.0.0.scsi-1", "Volume that holds the volume group"),
    flag("saferemove", "Overwrite volumes when they are removed"),
    property("saferemove_throughput", TEXT, "10485760", "Bytes per second of overwriting"),
    property("saferemove-stepsize", TEXT, "32", "Step of overwriting, in MiB"),
    flag("tagged_only", "Show only volumes with a guest's tag"),
    property("pool", TEXT, "rpool/data", "Pool"),
    property("blocksize", TEXT, "16k", "Block size"),
    flag("sparse", "Do not set space aside"),
    property("mountpoint", Format::AbsolutePath, "/rpool/data", "Where the pool is mounted"),
    flag("krbd", "Use the kernel's rbd driver"),
    property("namespace", TEXT, "ns1", "Namespace"),
    property("data-pool", TEXT, "ec-data", "Pool for data"),
    property("portal", TEXT, "10.0.0.5", "iSCSI portal"),
    property("target", TEXT, "iqn.2024-01.com.example:tank", "iSCSI target"),
    property("iscsiprovider", TEXT, "LIO", "Software of the iSCSI target"),
    property("comstar_hg", TEXT, "hg", "Host group"),
    property("comstar_tg", TEXT, "tg", "Target group"),
    property("lio_tpg", TEXT, "tpg1", "Target portal group"),
    flag("nowritecache", "Turn off the write cache"),
    property("zfs-base-path", Format::AbsolutePath, "/dev/zvol", "Where volumes appear"),
    property("datastore", TEXT, "store1", "Datastore"),
    property("fingerprint", TEXT, "aa:bb", "Fingerprint of the server's certificate"),
    property("encryption-key", TEXT, "1", "Key to encrypt with"),
    property("master-pubkey", TEXT, "1", "Public key to encrypt the key with"),
    property("port", Format::Integer { min: 1, max: 65535 }, "8007", "Port"),
    flag("skip-cert-verification", "Do not check the server's certificate"),
];
