//! A row for each option and sub-option of the table: what its change, its appearance and its deletion are.

use super::*;
use crate::schema::{HotPlug, LXC_KEYS, OPTIONS, OptionDef};
use std::collections::BTreeSet;

const MP: &str = "mp0: l1:a,mp=/a";
const ROOT: &str = "rootfs: l1:r";
const NET: &str = "net0: name=eth0,bridge=br0";
const DEV: &str = "dev0: /dev/a";

/// Name in the table, lines before, lines after, steps from the first to the second, and back.
type Row =
    (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const ROWS: &[Row] = &[
    ("arch", "", "arch: i386", &["arch Restart (later)"], &["arch Restart (later)"]),
    ("ostype", "", "ostype: debian", &["ostype Restart (later)"], &["ostype Restart (later)"]),
    ("hostname", "", "hostname: a", &["hostname SetHostname"], &["hostname SetHostname"]),
    ("description", "", "description: a", &["description Record"], &["description Record"]),
    ("tags", "tags: a", "tags: b", &["tags Record"], &["tags Record"]),
    ("memory", "", "memory: 64", &["memory SetMemory"], &["memory SetMemory"]),
    ("swap", "swap: 0", "", &["swap SetMemory"], &["swap SetMemory"]),
    ("cores", "", "cores: 2", &["cores SetCores"], &["cores SetCores"]),
    (
        "cpulimit",
        "cpulimit: 2",
        "cpulimit: 0",
        &["cpulimit SetCpuLimit"],
        &["cpulimit SetCpuLimit"],
    ),
    (
        "cpuunits",
        "cpuunits: 9",
        "cpuunits: 0",
        &["cpuunits SetCpuUnits"],
        &["cpuunits SetCpuUnits"],
    ),
    ("rootfs", "", ROOT, &["rootfs Restart (later)"], &["rootfs Restart (later)"]),
    (
        "rootfs.volume",
        ROOT,
        "rootfs: l1:s",
        &["rootfs Restart (later)"],
        &["rootfs Restart (later)"],
    ),
    (
        "rootfs.size",
        "rootfs: l1:r,size=1G",
        "rootfs: l1:r,size=2G",
        &["rootfs GrowVolume"],
        &["rootfs Restart (later)"],
    ),
    ("rootfs.acl", ROOT, "rootfs: l1:r,acl=1", &["rootfs RemountMount"], &["rootfs RemountMount"]),
    (
        "rootfs.quota",
        ROOT,
        "rootfs: l1:r,quota=1",
        &["rootfs Restart (later)"],
        &["rootfs Restart (later)"],
    ),
    ("rootfs.ro", ROOT, "rootfs: l1:r,ro=1", &["rootfs RemountMount"], &["rootfs RemountMount"]),
    ("rootfs.shared", ROOT, "rootfs: l1:r,shared=1", &["rootfs Record"], &["rootfs Record"]),
    ("rootfs.replicate", ROOT, "rootfs: l1:r,replicate=0", &["rootfs Record"], &["rootfs Record"]),
    (
        "rootfs.mountoptions",
        ROOT,
        "rootfs: l1:r,mountoptions=nodev",
        &["rootfs RemountMount"],
        &["rootfs RemountMount"],
    ),
    (
        "rootfs.idmap",
        ROOT,
        "rootfs: l1:r,idmap=passthrough",
        &["rootfs Restart (later)"],
        &["rootfs Restart (later)"],
    ),
    ("mp", "", MP, &["mp0 AddMount"], &["mp0 RemoveMount"]),
    (
        "mp.volume",
        MP,
        "mp0: l1:b,mp=/a",
        &["mp0 RemoveMount", "mp0 AddMount"],
        &["mp0 RemoveMount", "mp0 AddMount"],
    ),
    (
        "mp.mp",
        MP,
        "mp0: l1:a,mp=/b",
        &["mp0 RemoveMount", "mp0 AddMount"],
        &["mp0 RemoveMount", "mp0 AddMount"],
    ),
    (
        "mp.size",
        "mp0: l1:a,mp=/a,size=1G",
        "mp0: l1:a,mp=/a,size=2G",
        &["mp0 GrowVolume"],
        &["mp0 Restart (later)"],
    ),
    ("mp.acl", MP, "mp0: l1:a,mp=/a,acl=0", &["mp0 RemountMount"], &["mp0 RemountMount"]),
    ("mp.backup", MP, "mp0: l1:a,mp=/a,backup=1", &["mp0 Record"], &["mp0 Record"]),
    ("mp.quota", MP, "mp0: l1:a,mp=/a,quota=1", &["mp0 Restart (later)"], &["mp0 Restart (later)"]),
    ("mp.ro", MP, "mp0: l1:a,mp=/a,ro=1", &["mp0 RemountMount"], &["mp0 RemountMount"]),
    ("mp.shared", MP, "mp0: l1:a,mp=/a,shared=1", &["mp0 Record"], &["mp0 Record"]),
    ("mp.replicate", MP, "mp0: l1:a,mp=/a,replicate=0", &["mp0 Record"], &["mp0 Record"]),
    (
        "mp.mountoptions",
        MP,
        "mp0: l1:a,mp=/a,mountoptions=noexec",
        &["mp0 RemountMount"],
        &["mp0 RemountMount"],
    ),
    (
        "mp.idmap",
        MP,
        "mp0: l1:a,mp=/a,idmap=passthrough",
        &["mp0 RemoveMount", "mp0 AddMount"],
        &["mp0 RemoveMount", "mp0 AddMount"],
    ),
    (
        "mp.keepattrs",
        MP,
        "mp0: l1:a,mp=/a,keepattrs=1",
        &["mp0 Restart (later)"],
        &["mp0 Restart (later)"],
    ),
    ("unused", "", "unused0: l1:u", &["unused0 Record"], &["unused0 Record"]),
    ("unused.volume", "unused0: l1:u", "unused0: l1:v", &["unused0 Record"], &["unused0 Record"]),
    ("net", "", NET, &["net0 AddNet"], &["net0 RemoveNet"]),
    ("net.name", NET, "net0: name=eth1,bridge=br0", &["net0 ReplugNet"], &["net0 ReplugNet"]),
    (
        "net.bridge",
        "net0: name=eth0,bridge=br0",
        "net0: name=eth0,bridge=br1",
        &["net0 ReattachNet"],
        &["net0 ReattachNet"],
    ),
    (
        "net.hwaddr",
        NET,
        "net0: name=eth0,bridge=br0,hwaddr=02:00:00:00:00:01",
        &["net0 ReplugNet"],
        &["net0 ReplugNet"],
    ),
    (
        "net.ip",
        NET,
        "net0: name=eth0,bridge=br0,ip=10.0.0.2/24",
        &["net0 SetAddress"],
        &["net0 SetAddress"],
    ),
    (
        "net.gw",
        "net0: name=eth0,bridge=br0,ip=10.0.0.2/24",
        "net0: name=eth0,bridge=br0,ip=10.0.0.2/24,gw=10.0.0.1",
        &["net0 SetAddress"],
        &["net0 SetAddress"],
    ),
    (
        "net.ip6",
        NET,
        "net0: name=eth0,bridge=br0,ip6=auto",
        &["net0 SetAddress"],
        &["net0 SetAddress"],
    ),
    (
        "net.gw6",
        "net0: name=eth0,bridge=br0,ip6=fd00::2/64",
        "net0: name=eth0,bridge=br0,ip6=fd00::2/64,gw6=fd00::1",
        &["net0 SetAddress"],
        &["net0 SetAddress"],
    ),
    ("net.mtu", NET, "net0: name=eth0,bridge=br0,mtu=1400", &["net0 SetMtu"], &["net0 SetMtu"]),
    ("net.rate", NET, "net0: name=eth0,bridge=br0,rate=2.5", &["net0 SetRate"], &["net0 SetRate"]),
    (
        "net.tag",
        "net0: name=eth0,bridge=br0",
        "net0: name=eth0,bridge=br0,tag=3",
        &["net0 ReattachNet"],
        &["net0 ReattachNet"],
    ),
    (
        "net.trunks",
        "net0: name=eth0,bridge=br0",
        "net0: name=eth0,bridge=br0,trunks=3;4",
        &["net0 ReattachNet"],
        &["net0 ReattachNet"],
    ),
    (
        "net.firewall",
        "net0: name=eth0,bridge=br0",
        "net0: name=eth0,bridge=br0,firewall=1",
        &["net0 ReattachNet"],
        &["net0 ReattachNet"],
    ),
    (
        "net.link_down",
        "net0: name=eth0,bridge=br0",
        "net0: name=eth0,bridge=br0,link_down=1",
        &["net0 ReattachNet"],
        &["net0 ReattachNet"],
    ),
    (
        "net.host-managed",
        NET,
        "net0: name=eth0,bridge=br0,host-managed=1",
        &["net0 SetHostManaged"],
        &["net0 SetHostManaged"],
    ),
    ("net.type", NET, "net0: name=eth0,bridge=br0,type=veth", &["net0 Record"], &["net0 Record"]),
    ("nameserver", "", "nameserver: 1.1.1.1", &["nameserver SetDns"], &["nameserver SetDns"]),
    ("searchdomain", "", "searchdomain: a.b", &["searchdomain SetDns"], &["searchdomain SetDns"]),
    ("timezone", "", "timezone: UTC", &["timezone SetTimezone"], &["timezone SetTimezone"]),
    ("dev", "", DEV, &["dev0 AddDevice"], &["dev0 RemoveDevice"]),
    (
        "dev.path",
        DEV,
        "dev0: /dev/b",
        &["dev0 RemoveDevice", "dev0 AddDevice"],
        &["dev0 RemoveDevice", "dev0 AddDevice"],
    ),
    ("dev.mode", DEV, "dev0: /dev/a,mode=0600", &["dev0 ChangeDevice"], &["dev0 ChangeDevice"]),
    ("dev.uid", DEV, "dev0: /dev/a,uid=5", &["dev0 ChangeDevice"], &["dev0 ChangeDevice"]),
    ("dev.gid", DEV, "dev0: /dev/a,gid=5", &["dev0 ChangeDevice"], &["dev0 ChangeDevice"]),
    (
        "dev.deny-write",
        DEV,
        "dev0: /dev/a,deny-write=1",
        &["dev0 ChangeDevice"],
        &["dev0 ChangeDevice"],
    ),
    (
        "features",
        "",
        "features: nesting=1",
        &["features Restart (later)"],
        &["features Restart (later)"],
    ),
    (
        "features.nesting",
        "features: fuse=1",
        "features: fuse=1,nesting=1",
        &["features Restart (later)"],
        &["features Restart (later)"],
    ),
    (
        "features.keyctl",
        "features: fuse=1",
        "features: fuse=1,keyctl=1",
        &["features Restart (later)"],
        &["features Restart (later)"],
    ),
    (
        "features.fuse",
        "features: mknod=1",
        "features: mknod=1,fuse=1",
        &["features Restart (later)"],
        &["features Restart (later)"],
    ),
    (
        "features.mknod",
        "features: fuse=1",
        "features: fuse=1,mknod=1",
        &["features Restart (later)"],
        &["features Restart (later)"],
    ),
    (
        "features.force_rw_sys",
        "features: fuse=1",
        "features: fuse=1,force_rw_sys=1",
        &["features Restart (later)"],
        &["features Restart (later)"],
    ),
    (
        "features.mount",
        "features: fuse=1",
        "features: fuse=1,mount=nfs",
        &["features Restart (later)"],
        &["features Restart (later)"],
    ),
    (
        "unprivileged",
        "",
        "unprivileged: 1",
        &["unprivileged Restart (later)"],
        &["unprivileged Restart (later)"],
    ),
    ("console", "", "console: 0", &["console Restart (later)"], &["console Restart (later)"]),
    ("tty", "", "tty: 4", &["tty SetTty"], &["tty SetTty (later)"]),
    ("cmode", "", "cmode: shell", &["cmode Record"], &["cmode Record"]),
    (
        "entrypoint",
        "",
        "entrypoint: /bin/a",
        &["entrypoint Restart (later)"],
        &["entrypoint Restart (later)"],
    ),
    ("env", "", "env: A=b", &["env Restart (later)"], &["env Restart (later)"]),
    ("onboot", "", "onboot: 1", &["onboot Record"], &["onboot Record"]),
    ("startup", "", "startup: 3", &["startup Record"], &["startup Record"]),
    (
        "startup.order",
        "startup: up=1",
        "startup: up=1,order=3",
        &["startup Record"],
        &["startup Record"],
    ),
    ("startup.up", "startup: 1", "startup: 1,up=3", &["startup Record"], &["startup Record"]),
    ("startup.down", "startup: 1", "startup: 1,down=3", &["startup Record"], &["startup Record"]),
    ("protection", "", "protection: 1", &["protection Record"], &["protection Record"]),
    ("template", "", "template: 1", &["template Record"], &["template Record"]),
    ("hookscript", "", "hookscript: l1:snippets/a", &["hookscript Record"], &["hookscript Record"]),
    ("debug", "", "debug: 1", &["debug Restart (later)"], &["debug Restart (later)"]),
    ("lock", "", "lock: backup", &["lock Record"], &["lock Record"]),
    ("parent", "", "parent: one", &["parent Record"], &["parent Record"]),
    ("snaptime", "", "snaptime: 1", &["snaptime Record"], &["snaptime Record"]),
    ("snapstate", "", "snapstate: delete", &["snapstate Record"], &["snapstate Record"]),
    ("delete", "", "delete: mp0", &["delete Record"], &["delete Record"]),
];

#[test]
fn each_row_is_as_it_says() {
    for (name, before, after, forth, back) in ROWS {
        assert_eq!(words(&plan_of(before, after)), *forth, "{name}");
        assert_eq!(words(&plan_of(after, before)), *back, "{name}, back");
        assert!(plan_of(before, before).is_empty() && plan_of(after, after).is_empty());
    }
}

/// Every option and sub-option has a row, every row is of one, and it is live or not as the table says.
#[test]
fn the_whole_table_has_rows() {
    let mut names = BTreeSet::new();
    let mut look = |name: String, option: &OptionDef| {
        let Some((_, before, after, forth, _)) = ROWS.iter().find(|row| row.0 == name) else {
            panic!("no row for {name}");
        };
        assert_ne!(before, after);
        let waits = forth.iter().any(|step| step.ends_with("(later)"));
        let records = forth.iter().all(|step| step.ends_with(" Record"));
        match option.hotplug {
            // There is one type of interface, so there is nothing to change.
            HotPlug::Live if name == "net.type" => assert!(records),
            HotPlug::Live => assert!(!waits && !records, "{name} is live"),
            HotPlug::NextStart | HotPlug::AtCreate => assert!(waits, "{name} waits"),
            HotPlug::Recorded => assert!(records, "{name} is recorded"),
        }
        names.insert(name);
    };
    for option in OPTIONS {
        look(option.name.to_owned(), option);
        for property in option.properties() {
            look(format!("{}.{}", option.name, property.name), property);
        }
    }
    for (name, ..) in ROWS {
        assert!(names.contains(*name), "{name} is not in the table");
    }
}

#[test]
fn what_waits_says_why() {
    for option in OPTIONS {
        let plain = option.properties().is_empty();
        if plain && matches!(option.hotplug, HotPlug::NextStart | HotPlug::AtCreate) {
            let plan = plan_of("", &format!("{}: {}\n", option.name, other_than_default(option)));
            let (_, reason) = plan.waiting().next().unwrap();
            assert_ne!(reason, HotPlug::NextStart.describe(), "{} has a reason", option.name);
            assert!(!reason.ends_with('.'));
        }
    }
    let reason = |before: &str, after: &str| plan_of(before, after).waiting().next().unwrap().1;
    let (small, large) = ("rootfs: l1:r,size=1G", "rootfs: l1:r,size=2G");
    assert!(reason(large, small).contains("do not shrink"));
    assert!(reason("tty: 4", "tty: 1").contains("tty"));
    assert!(reason("", "memory: 6").contains("not valid"));
}

fn other_than_default(option: &OptionDef) -> &'static str {
    match option.name {
        "arch" => "i386",
        "console" => "0",
        _ => option.example,
    }
}

/// Every `lxc.*` key is live, recorded or waits, as its table says.
#[test]
fn the_lxc_keys() {
    for key in LXC_KEYS {
        let name = if key.name.ends_with('.') { format!("{}x", key.name) } else { key.name.into() };
        let line = format!("{name}: 1\n");
        for (before, after) in [("", line.as_str()), (&line, ""), (&line, &format!("{name} = 2"))] {
            let plan = plan_of(before, after);
            assert_eq!(plan.steps.len(), 1, "{name}: {plan:?}");
            let step = &plan.steps[0];
            assert_eq!(step.options, [name.as_str()]);
            let expected = match key.hotplug {
                HotPlug::Live => &["SetCgroup", "ResetCgroup", "SetResourceLimit"][..],
                HotPlug::Recorded => &["Record"],
                HotPlug::NextStart | HotPlug::AtCreate => &["Restart"],
            };
            assert!(expected.contains(&kind(&step.action)), "{name}: {step:?}");
        }
    }
}

#[test]
fn another_spelling_is_no_change() {
    for (before, after) in [
        ("lxc.limit.nofile: 5", "lxc.prlimit.nofile = 5"),
        ("lxc.init_cmd: /a", "lxc.init.cmd = /a"),
        ("onboot: yes", "onboot: 1"),
        ("mp0: l1:a,mp=/a,size=1024M", "mp0: volume=l1:a,size=1G,mp=/a,ro=0"),
    ] {
        assert_eq!(words(&plan_of(before, after)), [""; 0], "{after}");
    }
    // Another text to the same end is known, and that is all.
    for (before, after) in [
        ("mp0: /s,mp=/a", "mp0: /s,mp=/a/"),
        ("net0: name=e,ip=dhcp", "net0: name=e,ip=dhcp,gw=10.0.0.1"),
        ("lxc.cgroup2.x: 1", "lxc.cgroup2.x: 2\nlxc.cgroup2.x =\nlxc.cgroup2.x: 1"),
    ] {
        let plan = plan_of(before, after);
        assert!(plan.steps.iter().all(|step| step.action == Action::Record), "{plan:?}");
        assert_eq!(plan.steps.len(), 1);
    }
}
