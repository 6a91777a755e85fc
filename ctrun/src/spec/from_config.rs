//! Fills a [`Spec`] from a configuration file.

use std::net::IpAddr;
use std::path::Path;

use pve_config::{Config, Document, FileKind, IpConfig, LineIndex, Volume as Source};

use super::{
    Create, Device, Features, Given, Limits, Lxc, MountPoint, Net, Spec, Volume, VolumeIds, lxc,
};
use crate::ctid::Ctid;
use crate::failure::{At, Failure, Origin, Step};
use crate::idmap::IdMap;

/// Reads the configuration of `id` from `file`.
pub fn load(id: Ctid, file: &Path) -> Result<Spec, Failure> {
    let text = std::fs::read(file).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => format!("there is no container {id}"),
        _ => format!("cannot read it: {e}"),
    });
    parse(id, file, &text.at(Step::Configuration)?)
}

/// Reads the configuration of `id` from `text`. A text with errors is refused, with all of them.
pub fn parse(id: Ctid, file: &Path, text: &[u8]) -> Result<Spec, Failure> {
    check(id, text)?;
    let text = String::from_utf8_lossy(text);
    let document = Document::parse(text.as_ref());
    let config = Config::new(&document, document.main());
    let reader = Reader { config: &config };
    let mut spec = Spec {
        id,
        file: file.into(),
        root: reader.root()?,
        mounts: reader.mount_points()?,
        hostname: reader.given("hostname", reader.text("hostname").unwrap_or(format!("CT{id}"))),
        idmap: None,
        limits: reader.limits(),
        ttys: reader.given("tty", reader.number("tty", 2)),
        console: config.boolean("console"),
        nets: reader.nets(),
        devices: reader.devices(),
        features: reader.features(),
        init: reader.given("entrypoint", words(config.text("entrypoint").unwrap_or("/sbin/init"))),
        environment: Vec::new(),
        lxc: Lxc::default(),
        ostype: config.get("ostype").map(str::to_owned),
        lock: config.get("lock").map(|lock| reader.given("lock", lock.to_owned())),
        template: config.boolean("template").then(|| reader.origin("template")),
    };
    if config.boolean("unprivileged") {
        spec.idmap = Some(reader.given("unprivileged", IdMap::unprivileged()));
    }
    spec.lxc.arch_32bit = matches!(config.get("arch"), Some("i386" | "armhf" | "riscv32"));
    if let Some(env) = config.get("env") {
        spec.environment.extend(env.split('\0').map(str::to_owned));
    }
    lxc::apply(&mut spec, &config.raw())?;
    // Last, so that nothing written above hides who runs the container and what its first program is.
    let mut environment = base_environment(&spec);
    environment.append(&mut spec.environment);
    spec.environment = environment;
    Ok(spec)
}

/// What every guest's init is told. The ttys are named as they are in `/dev/pts`, for systemd's getty generator.
fn base_environment(spec: &Spec) -> Vec<String> {
    let mut all = vec![
        "container=lxc".to_owned(),
        "TERM=linux".to_owned(),
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
    ];
    let first = u32::from(spec.console);
    let ttys: Vec<String> = (0..spec.ttys.value).map(|n| format!("pts/{}", first + n)).collect();
    if !ttys.is_empty() {
        all.push(format!("container_ttys={}", ttys.join(" ")));
    }
    all
}

fn check(id: Ctid, text: &[u8]) -> Result<(), Failure> {
    let report = pve_config::check(FileKind::Container(id.to_string().parse().ok()), text);
    let lines = LineIndex::new(text);
    let said: Vec<(usize, String)> = report
        .errors()
        .map(|error| {
            let line = lines.position(error.span.start).line;
            let help = error.help.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
            (line, format!("{}{help}", error.message))
        })
        .collect();
    let Some(((line, first), rest)) = said.split_first() else { return Ok(()) };
    let mut reason = first.clone();
    for (line, message) in rest {
        reason.push_str(&format!("; line {line}: {message}"));
    }
    let origin = Origin { key: "not valid".into(), line: Some(*line) };
    Err(reason).at_option(Step::Configuration, &origin)
}

struct Reader<'a> {
    config: &'a Config<'a>,
}

impl Reader<'_> {
    fn origin(&self, key: &str) -> Origin {
        Origin { key: key.to_owned(), line: self.config.line(key).map(|line| line + 1) }
    }

    fn given<T>(&self, key: &str, value: T) -> Given<T> {
        Given { value, origin: self.origin(key) }
    }

    fn text(&self, key: &'static str) -> Option<String> {
        self.config.get(key).map(str::to_owned)
    }

    fn number(&self, key: &'static str, default: u32) -> u32 {
        self.config.integer(key).and_then(|n| n.try_into().ok()).unwrap_or(default)
    }

    fn root(&self) -> Result<Given<Volume>, Failure> {
        let origin = self.origin("rootfs");
        let root = self.config.rootfs().ok_or("the option is missing");
        volume(&root.at_option(Step::Configuration, &origin)?)
            .map(|value| Given { value, origin: origin.clone() })
            .at_option(Step::Configuration, &origin)
    }

    fn mount_points(&self) -> Result<Vec<Given<MountPoint>>, Failure> {
        let mut all = Vec::new();
        for (number, point) in self.config.mount_points() {
            let origin = self.origin(&format!("mp{number}"));
            let volume = volume(&point).at_option(Step::Configuration, &origin)?;
            let value = MountPoint {
                volume,
                target: point.target.into(),
                recursive: false,
                create: Create::Directory,
                optional: false,
                late: false,
            };
            all.push(Given { value, origin });
        }
        Ok(all)
    }

    fn limits(&self) -> Limits {
        let set = |key: &'static str| self.config.get(key).is_some();
        let integer = |key: &'static str| self.config.integer(key).unwrap_or(0);
        Limits {
            memory: self.given("memory", self.config.integer("memory").unwrap_or(512)),
            swap: self.given("swap", self.config.integer("swap").unwrap_or(512)),
            cpulimit: set("cpulimit")
                .then(|| self.given("cpulimit", self.config.number("cpulimit").unwrap_or(0.0))),
            cpuunits: set("cpuunits").then(|| self.given("cpuunits", integer("cpuunits"))),
            cores: set("cores").then(|| self.given("cores", self.number("cores", 1))),
        }
    }

    fn nets(&self) -> Vec<Given<Net>> {
        let all = self.config.nets().into_iter();
        all.map(|(number, found)| self.given(&format!("net{number}"), net(number, &found)))
            .collect()
    }

    fn devices(&self) -> Vec<Given<Device>> {
        let all = self.config.devices().into_iter();
        all.map(|(number, found)| {
            let device = Device {
                path: found.path.into(),
                mode: found.mode,
                uid: found.uid,
                gid: found.gid,
                deny_write: found.deny_write,
            };
            self.given(&format!("dev{number}"), device)
        })
        .collect()
    }

    fn features(&self) -> Given<Features> {
        let found = self.config.features();
        let mut unsupported = Vec::new();
        if found.mknod {
            unsupported.push("mknod".to_owned());
        }
        // Without AppArmor nothing keeps a privileged container from mounting; with a user namespace the kernel decides.
        let features = Features {
            nesting: found.nesting,
            keyctl: found.keyctl,
            fuse: found.fuse,
            force_rw_sys: found.force_rw_sys,
            unsupported,
        };
        self.given("features", features)
    }
}

fn volume(point: &pve_config::MountPoint) -> Result<Volume, String> {
    let idmap = match point.idmap.as_deref() {
        None => VolumeIds::Container,
        Some("passthrough") => VolumeIds::Passthrough,
        Some(ranges) => VolumeIds::Own(IdMap::parse_volume(ranges)?),
    };
    let mut unsupported = Vec::new();
    if point.quota {
        unsupported.push("quota".to_owned());
    }
    if point.keep_attributes {
        unsupported.push("keepattrs".to_owned());
    }
    let source = match &point.volume {
        // A directory below /dev is one too, as on the tmpfs of /dev/shm.
        Source::Directory(path) | Source::Device(path) => path.into(),
        Source::Storage { .. } => {
            return Err(format!("{}: volumes of storages cannot be mounted yet", point.volume));
        }
    };
    let options = point.mount_options.clone();
    Ok(Volume { source, read_only: point.read_only, options, idmap, unsupported })
}

fn net(number: u16, found: &pve_config::Net) -> Net {
    let address = |config: IpConfig| match config {
        IpConfig::Static(address, prefix) => Some((address, prefix)),
        _ => None,
    };
    let mut unsupported = Vec::new();
    let mut refuse = |set: bool, name: &str| {
        if set {
            unsupported.push(name.to_owned());
        }
    };
    refuse(found.tag.is_some(), "tag");
    refuse(!found.trunks.is_empty(), "trunks");
    refuse(found.rate.is_some(), "rate");
    refuse(found.firewall, "firewall");
    let dynamic = |config| matches!(config, IpConfig::Dhcp | IpConfig::Auto);
    refuse(found.host_managed && (dynamic(found.ip) || dynamic(found.ip6)), "host-managed dhcp");
    Net {
        number: number.into(),
        name: found.name.clone(),
        bridge: found.bridge.clone(),
        address: found.hwaddr.as_deref().and_then(hardware_address),
        mtu: found.mtu,
        link_down: found.link_down,
        host_managed: found.host_managed,
        addresses: [found.ip, found.ip6].into_iter().filter_map(address).collect(),
        gateways: [found.gw, found.gw6].into_iter().flatten().collect::<Vec<IpAddr>>(),
        unsupported,
    }
}

fn hardware_address(text: &str) -> Option<[u8; 6]> {
    let mut address = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut address {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(address)
}

/// Splits a command line as a shell would, without anything but quotes.
pub(super) fn words(text: &str) -> Vec<String> {
    let (mut all, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => all.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Result<Spec, Failure> {
        parse("100".parse().unwrap(), Path::new("100.conf"), text.as_bytes())
    }

    #[test]
    fn reads_options_with_their_lines() {
        let spec = spec(
            "# a comment\nrootfs: /srv/root,ro=1\nmemory: 64\nunprivileged: 1\n\
             mp3: /srv/data,mp=/data,mountoptions=noexec,idmap=u:0:5000:10;g:0:5000:10\n\
             net0: name=eth0,bridge=br0,hwaddr=BC:24:11:00:00:01,ip=10.0.0.2/24,gw=10.0.0.1,ip6=auto\n\
             entrypoint: /bin/sh -c \"echo 'a b'\"\nlxc.cap.drop = sys_nice audit_write\n\
             lxc.environment.runtime: A=b c\n\n[snap]\nmemory: 32\nrootfs: /x\n",
        )
        .unwrap();
        assert_eq!(spec.root.origin.line, Some(2));
        assert!(spec.root.value.read_only);
        assert_eq!((spec.limits.memory.value, spec.limits.memory.origin.line), (64, Some(3)));
        assert_eq!((spec.limits.swap.value, spec.limits.swap.origin.line), (512, None));
        assert_eq!(spec.root_ids(), (100_000, 100_000));
        let point = &spec.mounts[0];
        assert_eq!((point.origin.key.as_str(), point.origin.line), ("mp3", Some(5)));
        assert!(
            matches!(&point.value.volume.idmap, VolumeIds::Own(map) if map.user(0) == Some(5000))
        );
        let net = &spec.nets[0].value;
        assert_eq!(net.address, Some([0xbc, 0x24, 0x11, 0, 0, 1]));
        assert_eq!((net.addresses.len(), net.gateways.len()), (1, 1));
        assert_eq!(spec.init.value, ["/bin/sh", "-c", "echo 'a b'"]);
        assert_eq!(spec.lxc.cap_drop.len(), 2);
        assert!(spec.environment.contains(&"A=b c".to_owned()));
        assert!(spec.environment.contains(&"container_ttys=pts/1 pts/2".to_owned()));
        assert_eq!(spec.hostname.value, "CT100");
    }

    #[test]
    fn refuses_a_text_with_errors_and_names_each() {
        let failure = spec("rootfs: /srv\nmemory: lots\nbogus: 1\n").unwrap_err();
        let message = failure.message(Path::new("100.conf"));
        assert!(message.starts_with("100.conf:2: "), "{message}");
        assert!(message.contains("line 3"), "{message}");
    }

    #[test]
    fn refuses_what_it_cannot_do() {
        for (text, words) in [
            ("memory: 64\n", "missing"),
            ("rootfs: local:100/vm.raw\n", "storages"),
            ("rootfs: /srv\nlxc.hook.start: /x\n", "lxc.hook.start"),
        ] {
            let message = spec(text).unwrap_err().message(Path::new("f"));
            assert!(message.contains(words), "{message}");
        }
    }
}
