//! Typed views of a container's configuration.
//!
//! A view is lenient, like the reference's reader: what is not valid is as if it were not there. Whether a text is valid
//! is [`check`](crate::check())'s business.

use crate::document::{Document, Section};
use crate::properties::Properties;
use crate::schema::{
    OPTIONS, OptionDef, find_lxc, find_option, parse_boolean, parse_cidr, parse_size, split_index,
};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a mount point or root is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Volume {
    /// `storage:name`
    Storage {
        /// The storage.
        storage: String,
        /// The volume's name in it.
        name: String,
    },
    /// A directory of the host.
    Directory(String),
    /// A device of the host.
    Device(String),
}

impl Volume {
    /// Reads the text of a `volume` sub-option.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with("/dev/") {
            return Some(Self::Device(text.to_owned()));
        }
        if text.starts_with('/') {
            return Some(Self::Directory(text.to_owned()));
        }
        let (storage, name) = text.split_once(':')?;
        Some(Self::Storage { storage: storage.to_owned(), name: name.to_owned() })
    }
}

impl std::fmt::Display for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Storage { storage, name } => write!(f, "{storage}:{name}"),
            Self::Directory(path) | Self::Device(path) => f.write_str(path),
        }
    }
}

/// `rootfs` or one `mpN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPoint {
    /// What is mounted.
    pub volume: Volume,
    /// Where it is mounted in the container; `/` for the root.
    pub target: String,
    /// Size of the volume in bytes, as recorded.
    pub size: Option<u64>,
    /// POSIX ACLs explicitly on or off.
    pub acl: Option<bool>,
    /// User quotas.
    pub quota: bool,
    /// Read-only.
    pub read_only: bool,
    /// Part of backups.
    pub backup: bool,
    /// On all nodes.
    pub shared: bool,
    /// Part of replication.
    pub replicate: bool,
    /// Extra mount options.
    pub mount_options: Vec<String>,
    /// `passthrough` or id ranges, as written.
    pub idmap: Option<String>,
    /// Owner and mode of the covered directory are kept.
    pub keep_attributes: bool,
}

/// How an interface gets its address in one family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpConfig {
    /// Nothing is said.
    #[default]
    None,
    /// A static address with its prefix length.
    Static(IpAddr, u8),
    /// By DHCP.
    Dhcp,
    /// By router advertisements (IPv6).
    Auto,
    /// The container does it by itself.
    Manual,
}

impl IpConfig {
    fn parse(text: Option<&str>) -> Self {
        match text {
            Some("dhcp") => Self::Dhcp,
            Some("auto") => Self::Auto,
            Some("manual") => Self::Manual,
            Some(address) => {
                parse_cidr(address).map_or(Self::None, |(ip, prefix)| Self::Static(ip, prefix))
            }
            None => Self::None,
        }
    }
}

/// One `netN`.
#[derive(Clone, Debug, PartialEq)]
pub struct Net {
    /// Name inside the container.
    pub name: String,
    /// Bridge of the host.
    pub bridge: Option<String>,
    /// MAC address, in upper case.
    pub hwaddr: Option<String>,
    /// IPv4.
    pub ip: IpConfig,
    /// IPv4 gateway.
    pub gw: Option<IpAddr>,
    /// IPv6.
    pub ip6: IpConfig,
    /// IPv6 gateway.
    pub gw6: Option<IpAddr>,
    /// Maximum transfer unit in bytes.
    pub mtu: Option<u32>,
    /// Limit in 2^20 bytes per second.
    pub rate: Option<f64>,
    /// VLAN tag.
    pub tag: Option<u16>,
    /// VLANs to pass through.
    pub trunks: Vec<u16>,
    /// A bridge of its own for firewall rules.
    pub firewall: bool,
    /// Disconnected.
    pub link_down: bool,
    /// The host sets up addresses.
    pub host_managed: bool,
}

/// One `devN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Path on the host.
    pub path: String,
    /// Mode of the node.
    pub mode: u32,
    /// Owner inside the container.
    pub uid: u32,
    /// Group inside the container.
    pub gid: u32,
    /// Writing is denied.
    pub deny_write: bool,
}

/// `features`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Containers inside.
    pub nesting: bool,
    /// keyctl(2) for unprivileged containers.
    pub keyctl: bool,
    /// FUSE.
    pub fuse: bool,
    /// mknod(2) of harmless devices for unprivileged containers.
    pub mknod: bool,
    /// Writable /sys for unprivileged containers.
    pub force_rw_sys: bool,
    /// File systems that may be mounted.
    pub mount: Vec<String>,
}

/// `startup`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Startup {
    /// Place in the order.
    pub order: Option<u64>,
    /// Seconds to wait after the start.
    pub up: Option<u64>,
    /// Seconds to wait for the shutdown.
    pub down: Option<u64>,
}

/// One `lxc.*` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawOption {
    /// The key under its present name.
    pub key: String,
    /// The value.
    pub value: String,
    /// The index of its line in the document.
    pub line: usize,
}

/// One section of a container's configuration.
#[derive(Clone, Debug)]
pub struct Config<'a> {
    document: &'a Document,
    section: &'a Section,
}

fn words(text: &str) -> Vec<String> {
    let parts = text.split([',', ';', ' ', '\t']).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

impl<'a> Config<'a> {
    /// A view of a section of a document.
    pub fn new(document: &'a Document, section: &'a Section) -> Self {
        Self { document, section }
    }

    /// The value of an option as it is written; `None` where it is absent or not valid.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        let value = self.document.option(self.section, key)?.value;
        let option = find_option(key).ok()?;
        option.format.problems(value).is_empty().then_some(value)
    }

    /// The value of an option, or its default in the table.
    fn or_default(&self, key: &'static str) -> Option<&'a str> {
        self.get(key).or_else(|| find_option(key).ok()?.default)
    }

    /// The index of the line that sets an option.
    pub fn line(&self, key: &str) -> Option<usize> {
        self.document.option(self.section, key).map(|option| option.line)
    }

    /// A boolean option, or its default.
    pub fn boolean(&self, key: &'static str) -> bool {
        self.or_default(key).and_then(parse_boolean).unwrap_or(false)
    }

    /// An integer option, or its default.
    pub fn integer(&self, key: &'static str) -> Option<u64> {
        self.or_default(key)?.parse().ok()
    }

    /// A number option, or its default.
    pub fn number(&self, key: &'static str) -> Option<f64> {
        self.or_default(key)?.parse().ok()
    }

    /// A list option, such as `nameserver` or `tags`.
    pub fn list(&self, key: &'static str) -> Vec<String> {
        self.get(key).map(words).unwrap_or_default()
    }

    /// A text option, or its default.
    pub fn text(&self, key: &'static str) -> Option<&'a str> {
        self.or_default(key)
    }

    fn properties(&self, key: &str) -> Option<Properties<'a>> {
        Some(Properties::parse(find_option(key).ok()?, self.get(key)?))
    }

    /// The numbers of a numbered option that are set and valid, with their parts.
    fn numbered(&self, name: &'static str) -> BTreeMap<u16, Properties<'a>> {
        self.document
            .options(self.section)
            .filter(|option| split_index(option.key).0 == name)
            .filter_map(|option| Some((split_index(option.key).1?, self.properties(option.key)?)))
            .collect()
    }

    /// `rootfs`.
    pub fn rootfs(&self) -> Option<MountPoint> {
        mount_point(&self.properties("rootfs")?, Some("/"))
    }

    /// All `mpN`.
    pub fn mount_points(&self) -> BTreeMap<u16, MountPoint> {
        let all = self.numbered("mp").into_iter();
        all.filter_map(|(index, parts)| Some((index, mount_point(&parts, None)?))).collect()
    }

    /// All `netN`.
    pub fn nets(&self) -> BTreeMap<u16, Net> {
        let all = self.numbered("net").into_iter();
        all.filter_map(|(index, parts)| Some((index, net(&parts)?))).collect()
    }

    /// All `devN`.
    pub fn devices(&self) -> BTreeMap<u16, Device> {
        let all = self.numbered("dev").into_iter();
        all.filter_map(|(index, parts)| Some((index, device(&parts)?))).collect()
    }

    /// All `unusedN`.
    pub fn unused(&self) -> BTreeMap<u16, Volume> {
        let all = self.numbered("unused").into_iter();
        all.filter_map(|(index, parts)| Some((index, Volume::parse(parts.get("volume")?)?)))
            .collect()
    }

    /// `features`.
    pub fn features(&self) -> Features {
        let Some(parts) = self.properties("features") else { return Features::default() };
        let on = |name| parts.boolean(name).unwrap_or(false);
        Features {
            nesting: on("nesting"),
            keyctl: on("keyctl"),
            fuse: on("fuse"),
            mknod: on("mknod"),
            force_rw_sys: on("force_rw_sys"),
            mount: parts.get("mount").map(words).unwrap_or_default(),
        }
    }

    /// `startup`.
    pub fn startup(&self) -> Startup {
        let Some(parts) = self.properties("startup") else { return Startup::default() };
        Startup { order: parts.number("order"), up: parts.number("up"), down: parts.number("down") }
    }

    /// All `lxc.*` lines in the order of the file, old names replaced by present ones. The several
    /// `lxc.network.*` blocks of old files become `lxc.net.0.*`, `lxc.net.1.*`, …: each `type` begins one.
    pub fn raw(&self) -> Vec<RawOption> {
        let mut block: Option<u32> = None;
        let options =
            self.document.options(self.section).filter(|option| option.key.starts_with("lxc."));
        options
            .filter_map(|option| {
                let (_, alias) = find_lxc(option.key)?;
                if option.key == "lxc.network.type" {
                    block = Some(block.map_or(0, |index| index + 1));
                }
                let present = alias.map_or_else(
                    || option.key.to_owned(),
                    |alias| option.key.replacen(alias.old, alias.new, 1),
                );
                Some(RawOption {
                    key: present.replace("INDEX", &block.unwrap_or(0).to_string()),
                    value: option.value.to_owned(),
                    line: option.line,
                })
            })
            .collect()
    }

    /// Every option that is set and known, with its definition, in the order of the file.
    pub fn known(&self) -> impl Iterator<Item = (&'a str, &'a str, &'static OptionDef)> {
        self.document
            .options(self.section)
            .filter_map(|option| Some((option.key, option.value, find_option(option.key).ok()?)))
    }
}

/// The names of all container options, for completion and command lines.
pub fn option_names() -> impl Iterator<Item = String> {
    OPTIONS.iter().map(OptionDef::title)
}

fn mount_point(parts: &Properties<'_>, target: Option<&str>) -> Option<MountPoint> {
    let on = |name| parts.boolean(name).unwrap_or(false);
    Some(MountPoint {
        volume: Volume::parse(parts.get("volume")?)?,
        target: target.or_else(|| parts.get("mp"))?.to_owned(),
        size: parts.get("size").and_then(parse_size),
        acl: parts.boolean("acl"),
        quota: on("quota"),
        read_only: on("ro"),
        backup: on("backup"),
        shared: on("shared"),
        replicate: parts.boolean("replicate").unwrap_or(true),
        mount_options: parts.get("mountoptions").map(words).unwrap_or_default(),
        idmap: parts.get("idmap").map(str::to_owned),
        keep_attributes: on("keepattrs"),
    })
}

fn net(parts: &Properties<'_>) -> Option<Net> {
    let on = |name| parts.boolean(name).unwrap_or(false);
    Some(Net {
        name: parts.get("name")?.to_owned(),
        bridge: parts.get("bridge").map(str::to_owned),
        hwaddr: parts.get("hwaddr").map(str::to_ascii_uppercase),
        ip: IpConfig::parse(parts.get("ip")),
        gw: parts.number("gw"),
        ip6: IpConfig::parse(parts.get("ip6")),
        gw6: parts.number("gw6"),
        mtu: parts.number("mtu"),
        rate: parts.number("rate"),
        tag: parts.number("tag"),
        trunks: parts
            .get("trunks")
            .map(|text| text.split(';').filter_map(|id| id.parse().ok()).collect())
            .unwrap_or_default(),
        firewall: on("firewall"),
        link_down: on("link_down"),
        host_managed: on("host-managed"),
    })
}

fn device(parts: &Properties<'_>) -> Option<Device> {
    Some(Device {
        path: parts.get("path")?.to_owned(),
        mode: parts.get("mode").and_then(|mode| u32::from_str_radix(mode, 8).ok()).unwrap_or(0o660),
        uid: parts.number("uid").unwrap_or(0),
        gid: parts.number("gid").unwrap_or(0),
        deny_write: parts.boolean("deny-write").unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "arch: amd64\nmemory: 2048\nonboot: yes\ncpulimit: 1.5\ntags: a;b,c\nrootfs: local:107/vm-107-disk-1.raw,size=7G\nmp3: /srv,mp=/data,ro=1,mountoptions=nodev;noexec\nnet0: bridge=vmbr0,hwaddr=66:64:66:64:64:3a,ip=10.0.0.2/24,gw=10.0.0.1,ip6=auto,name=eth0,type=veth,trunks=1;2\ndev0: /dev/ttyUSB0,mode=0600,uid=5\nfeatures: nesting=1,mount=nfs;cifs\nstartup: 3,up=10\nunused1: local:107/x.raw\nswap: lots\nlxc.network.type: veth\nlxc.network.link: br0\nlxc.network.type: veth\nlxc.init_cmd = /sbin/i\n";

    #[test]
    fn values_have_their_types() {
        let document = Document::parse(TEXT);
        let config = Config::new(&document, document.main());
        assert_eq!(config.integer("memory"), Some(2048));
        assert_eq!(
            config.integer("swap"),
            Some(512),
            "an invalid value is as if it were not there"
        );
        assert_eq!(config.integer("cores"), None);
        assert!(
            config.boolean("onboot") && config.boolean("console") && !config.boolean("template")
        );
        assert_eq!(config.number("cpulimit"), Some(1.5));
        assert_eq!(config.list("tags"), ["a", "b", "c"]);
        let rootfs = config.rootfs().unwrap();
        assert_eq!(rootfs.size, Some(7 << 30));
        assert_eq!(rootfs.volume.to_string(), "local:107/vm-107-disk-1.raw");
        let mp = &config.mount_points()[&3];
        assert_eq!(mp.volume, Volume::Directory("/srv".into()));
        assert!(mp.read_only && mp.replicate && !mp.backup);
        assert_eq!(mp.mount_options, ["nodev", "noexec"]);
        let net = &config.nets()[&0];
        assert_eq!(net.hwaddr.as_deref(), Some("66:64:66:64:64:3A"));
        assert_eq!(net.ip, IpConfig::Static("10.0.0.2".parse().unwrap(), 24));
        assert_eq!((net.ip6, net.trunks.as_slice()), (IpConfig::Auto, &[1, 2][..]));
        assert_eq!((config.devices()[&0].mode, config.devices()[&0].uid), (0o600, 5));
        assert!(config.features().nesting && config.features().mount.len() == 2);
        assert_eq!(config.startup(), Startup { order: Some(3), up: Some(10), down: None });
        assert_eq!(config.unused().len(), 1);
        assert_eq!(config.text("entrypoint"), Some("/sbin/init"));
    }

    #[test]
    fn old_names_become_present_ones() {
        let document = Document::parse(TEXT);
        let keys: Vec<_> =
            Config::new(&document, document.main()).raw().into_iter().map(|raw| raw.key).collect();
        assert_eq!(keys, ["lxc.net.0.type", "lxc.net.0.link", "lxc.net.1.type", "lxc.init.cmd"]);
    }
}
