//! Fills a [`Spec`] from a configuration file.

use std::path::Path;

use super::{Features, Given, Limits, Lxc, MountPoint, Net, Spec, Volume, VolumeIds};
use crate::ctid::Ctid;
use crate::failure::{Failure, Origin, Step};
use crate::idmap::IdMap;

/// Reads the configuration of `id` from `file`.
pub fn load(id: Ctid, file: &Path) -> Result<Spec, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| Failure {
        step: Step::Configuration,
        origin: None,
        reason: format!("cannot read it: {e}"),
    })?;
    parse(id, file, &text)
}

fn volume(source: &str) -> Volume {
    let source = source.split(',').next().unwrap_or_default();
    Volume {
        source: source.into(),
        read_only: false,
        options: Vec::new(),
        idmap: VolumeIds::Container,
    }
}

fn parse(id: Ctid, file: &Path, text: &str) -> Result<Spec, Failure> {
    let mut spec = Spec {
        id,
        file: file.into(),
        root: Given::default_of("rootfs", volume("")),
        mounts: Vec::new(),
        hostname: Given::default_of("hostname", format!("CT{id}")),
        idmap: None,
        limits: Limits {
            memory: Given::default_of("memory", 512),
            swap: Given::default_of("swap", 512),
            cpulimit: None,
            cpuunits: None,
            cores: None,
        },
        ttys: Given::default_of("tty", 2),
        console: true,
        nets: Vec::new(),
        devices: Vec::new(),
        features: Features::default(),
        init: Given::default_of("entrypoint", vec!["/sbin/init".into()]),
        environment: Vec::new(),
        lxc: Lxc::default(),
        ostype: None,
        lock: None,
        template: None,
    };
    for (number, line) in text.lines().enumerate() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        let origin = Origin { key: key.into(), line: Some(number + 1) };
        let bad = |reason: &str| Failure {
            step: Step::Configuration,
            origin: Some(origin.clone()),
            reason: reason.into(),
        };
        let get =
            |name: &str| value.split(',').find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
        match key {
            "rootfs" => spec.root = Given { value: volume(value), origin },
            "memory" => {
                spec.limits.memory =
                    Given { value: value.parse().map_err(|_| bad("not a number"))?, origin }
            }
            "swap" => {
                spec.limits.swap =
                    Given { value: value.parse().map_err(|_| bad("not a number"))?, origin }
            }
            "hostname" => spec.hostname = Given { value: value.into(), origin },
            "unprivileged" if value == "1" => {
                spec.idmap = Some(Given { value: IdMap::unprivileged(), origin });
            }
            "entrypoint" => {
                spec.init = Given { value: value.split(' ').map(str::to_owned).collect(), origin };
            }
            "net0" => {
                let addresses = get("ip").and_then(|ip| {
                    let (a, p) = ip.split_once('/')?;
                    Some((a.parse().ok()?, p.parse().ok()?))
                });
                spec.nets.push(Given {
                    value: Net {
                        number: 0,
                        name: get("name").unwrap_or("eth0").into(),
                        bridge: get("bridge").map(str::to_owned),
                        address: None,
                        mtu: None,
                        link_down: false,
                        host_managed: true,
                        addresses: addresses.into_iter().collect(),
                        gateways: Vec::new(),
                        unsupported: Vec::new(),
                    },
                    origin,
                });
            }
            "mp0" => {
                let target = get("mp").ok_or_else(|| bad("no mp="))?.into();
                spec.mounts.push(Given {
                    value: MountPoint {
                        volume: volume(value),
                        target,
                        recursive: false,
                        create: super::Create::Directory,
                        optional: false,
                        late: false,
                    },
                    origin,
                });
            }
            _ => {}
        }
    }
    Ok(spec)
}
