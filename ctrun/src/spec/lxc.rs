//! What `lxc.*` lines add to a [`Spec`]. A key either takes effect or is refused with the reason; none is dropped.

use pve_config::RawOption;

use super::from_config::words;
use super::{Create, Given, MountPoint, Prlimit, Spec, Volume, VolumeIds, signal};
use crate::failure::{At, Failure, Origin, Step};
use crate::idmap::{IdMap, Range};

/// Reads the lines, in their order.
pub fn apply(spec: &mut Spec, lines: &[RawOption]) -> Result<(), Failure> {
    let mut idmap: Option<Given<IdMap>> = None;
    for line in lines {
        let origin = Origin { key: line.key.clone(), line: Some(line.line + 1) };
        if line.key == "lxc.idmap" {
            let map = idmap
                .get_or_insert_with(|| Given { value: IdMap::default(), origin: origin.clone() });
            add_range(&mut map.value, &line.value).at_option(Step::Configuration, &origin)?;
            continue;
        }
        one(spec, &line.key, &line.value, &origin).at_option(Step::Configuration, &origin)?;
    }
    // Any lxc.idmap replaces the default map, and makes a container of its own users of a privileged one.
    if idmap.is_some() {
        spec.idmap = idmap;
    }
    Ok(())
}

fn one(spec: &mut Spec, key: &str, value: &str, origin: &Origin) -> Result<(), String> {
    let given = |value: String| Given { value, origin: origin.clone() };
    if let Some(file) = key.strip_prefix("lxc.cgroup2.").or(key.strip_prefix("lxc.cgroup.")) {
        let value = (file.to_owned(), value.to_owned());
        spec.lxc.cgroups.push(Given { value, origin: origin.clone() });
        return Ok(());
    }
    if let Some(name) = key.strip_prefix("lxc.prlimit.") {
        spec.lxc.prlimits.push(Given { value: prlimit(name, value)?, origin: origin.clone() });
        return Ok(());
    }
    if let Some(name) = key.strip_prefix("lxc.sysctl.") {
        let value = (name.to_owned(), value.to_owned());
        spec.lxc.sysctls.push(Given { value, origin: origin.clone() });
        return Ok(());
    }
    match key {
        "lxc.cap.drop" => spec.lxc.cap_drop.extend(words(value).into_iter().map(given)),
        "lxc.cap.keep" => spec.lxc.cap_keep.extend(words(value).into_iter().map(given)),
        "lxc.environment" | "lxc.environment.runtime" => spec.environment.push(value.to_owned()),
        "lxc.uts.name" => spec.hostname = given(value.to_owned()),
        "lxc.init.cmd" => spec.init = Given { value: words(value), origin: origin.clone() },
        "lxc.init.cwd" => {
            spec.lxc.init_cwd = Some(Given { value: value.into(), origin: origin.clone() });
        }
        "lxc.init.uid" => spec.lxc.init_uid = number(value)?,
        "lxc.init.gid" => spec.lxc.init_gid = number(value)?,
        "lxc.tty.max" => spec.ttys = Given { value: number(value)?, origin: origin.clone() },
        "lxc.signal.halt" => {
            spec.lxc.halt_signal =
                Some(signal::parse(value).ok_or_else(|| format!("there is no signal {value}"))?);
        }
        "lxc.arch" => spec.lxc.arch_32bit = is_32bit(value)?,
        "lxc.console.path" if value == "none" => spec.console = false,
        "lxc.mount.entry" => {
            spec.mounts.push(Given { value: mount_entry(value)?, origin: origin.clone() });
        }
        "lxc.mount.auto" => mount_auto(spec, value)?,
        "lxc.autodev" if is_on(value) => {}
        "lxc.kmsg" if !is_on(value) => {}
        // What a kernel without AppArmor does anyway. Where there is AppArmor, the profile is for a later version.
        "lxc.apparmor.profile" if matches!(value, "unconfined" | "unchanged" | "generated") => {}
        "lxc.apparmor.allow_incomplete" | "lxc.apparmor.allow_nesting" => {}
        // Read by those who start many containers.
        "lxc.start.auto" | "lxc.start.delay" | "lxc.start.order" | "lxc.group" => {}
        _ => return Err(format!("{key} = {value} is not supported by this runtime yet")),
    }
    Ok(())
}

fn is_on(value: &str) -> bool {
    value != "0"
}

fn number(value: &str) -> Result<u32, String> {
    value.parse().map_err(|_| format!("{value:?} is no number"))
}

fn is_32bit(arch: &str) -> Result<bool, String> {
    match arch {
        "x86" | "i386" | "i486" | "i586" | "i686" | "linux32" | "armhf" | "armv7l" | "riscv32" => {
            Ok(true)
        }
        "x86_64" | "amd64" | "linux64" | "arm64" | "aarch64" | "riscv64" => Ok(false),
        _ => Err(format!("there is no architecture {arch}")),
    }
}

/// `SOFT`, `SOFT:HARD`, each a number or `unlimited`.
fn prlimit(name: &str, value: &str) -> Result<Prlimit, String> {
    let (soft, hard) = value.split_once(':').unwrap_or((value, value));
    let one = |text: &str| match text.trim() {
        "unlimited" => Ok(None),
        digits => digits.parse().map(Some).map_err(|_| format!("{digits:?} is no limit")),
    };
    Ok(Prlimit { name: name.to_owned(), soft: one(soft)?, hard: one(hard)? })
}

/// `u INSIDE OUTSIDE COUNT`
fn add_range(map: &mut IdMap, value: &str) -> Result<(), String> {
    let parts = words(value);
    let [kind, inside, outside, count] = parts.as_slice() else {
        return Err(format!("{value:?} is no range: want `u|g INSIDE OUTSIDE COUNT`"));
    };
    let range = Range { inside: number(inside)?, outside: number(outside)?, count: number(count)? };
    match kind.as_str() {
        "u" => map.users.push(range),
        "g" => map.groups.push(range),
        "b" => {
            map.users.push(range);
            map.groups.push(range);
        }
        _ => return Err(format!("{kind:?} is neither u nor g")),
    }
    Ok(())
}

/// A line of fstab(5) with LXC's additions `create=dir`, `create=file`, `optional` and `relative`; bind mounts only.
fn mount_entry(value: &str) -> Result<MountPoint, String> {
    let fields: Vec<&str> = value.split_whitespace().collect();
    let (source, target, fstype, options) = match fields.as_slice() {
        [source, target, fstype] => (*source, *target, *fstype, "bind"),
        [source, target, fstype, options, ..] => (*source, *target, *fstype, *options),
        _ => return Err(format!("{value:?} is no line of fstab(5)")),
    };
    let mut point = MountPoint {
        volume: Volume {
            source: unescape(source).into(),
            read_only: false,
            options: Vec::new(),
            // A bind mount of the host's shows the host's owners, as in LXC.
            idmap: VolumeIds::Passthrough,
            unsupported: Vec::new(),
        },
        target: unescape(target).into(),
        recursive: false,
        create: Create::Nothing,
        optional: false,
        late: true,
    };
    let mut bind = fstype == "bind";
    for option in options.split(',') {
        match option {
            "bind" => bind = true,
            "rbind" => (bind, point.recursive) = (true, true),
            "ro" => point.volume.read_only = true,
            "optional" => point.optional = true,
            "create=dir" => point.create = Create::Directory,
            "create=file" => point.create = Create::File,
            "rw" | "defaults" | "relative" | "suid" | "dev" | "exec" | "relatime" => {}
            "noatime" | "nodev" | "noexec" | "nosuid" => {
                point.volume.options.push(option.to_owned());
            }
            _ => {
                return Err(format!(
                    "the mount option {option} is not supported by this runtime yet"
                ));
            }
        }
    }
    if !bind || !source.starts_with('/') {
        return Err(format!("a mount of type {fstype} is not supported by this runtime yet"));
    }
    Ok(point)
}

/// `\040` and its like.
fn unescape(field: &str) -> String {
    let mut text = field.to_owned();
    for (code, c) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        text = text.replace(code, c);
    }
    text
}

fn mount_auto(spec: &mut Spec, value: &str) -> Result<(), String> {
    for word in words(value) {
        match word.as_str() {
            "proc" | "proc:mixed" | "sys:mixed" => {}
            "sys" | "sys:rw" => spec.features.value.force_rw_sys = true,
            // In a cgroup namespace the guest mounts these itself, as LXC leaves it.
            cgroup if cgroup.starts_with("cgroup") => {}
            _ => {
                return Err(format!(
                    "lxc.mount.auto = {word} is not supported by this runtime yet"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_mount_entries() {
        let point =
            mount_entry("/srv/a\\040b data none bind,ro,optional,create=dir,nosuid 0 0").unwrap();
        assert_eq!(point.volume.source, std::path::Path::new("/srv/a b"));
        assert!(point.volume.read_only && point.optional && point.late);
        assert_eq!((point.create, point.volume.options.len()), (Create::Directory, 1));
        assert!(mount_entry("/srv").is_err());
        assert!(mount_entry("tmpfs tmp tmpfs size=1m").is_err());
    }

    #[test]
    fn reads_limits() {
        let limit = prlimit("nofile", "1024:unlimited").unwrap();
        assert_eq!((limit.soft, limit.hard), (Some(1024), None));
        assert_eq!(prlimit("core", "0").unwrap().hard, Some(0));
        assert!(prlimit("core", "few").is_err());
    }

    #[test]
    fn reads_id_ranges() {
        let mut map = IdMap::default();
        add_range(&mut map, "u 0 100000 65536").unwrap();
        add_range(&mut map, "g 0 200000 65536").unwrap();
        assert_eq!(map.root(), (100_000, 200_000));
        assert!(add_range(&mut map, "x 0 1 2").is_err());
        assert!(add_range(&mut map, "u 0 1").is_err());
    }
}
