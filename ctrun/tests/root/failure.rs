//! Starts that fail: they say why, with the line, and leave nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ctrun::failure::Step;

use crate::support::{Host, netns::NetNs};

#[test]
fn a_failure_at_any_step_leaves_nothing() {
    let Some(mut host) = Host::new() else { return };
    let netns = NetNs::new();
    netns.ip("link add br0 type bridge");
    netns.ip("link set br0 up");
    host.netns = Some(netns);
    let links = |host: &Host| host.netns.as_ref().unwrap().ip("-o link").lines().count();
    let before = links(&host);
    for config in ["", "unprivileged: 1\n"] {
        let id = host.container(&format!("net0: name=eth0,bridge=br0\n{config}"));
        for step in Step::ALL {
            host.settings(&format!("fault: {step}\n"));
            let said = host.ctrun(&["start", &id.to_string()]);
            assert_ne!(said.code, 0, "{step}");
            assert!(said.err.contains(&format!("told to fail (step: {step})")), "{}", said.err);
            host.assert_nothing_left();
            assert_eq!(links(&host), before, "{step}");
        }
        // And then it starts.
        host.settings("");
        host.start(id);
        host.stop(id);
    }
}

/// Starts a container with `config` and a root that `spoil` has changed; tells what is said.
fn refused(config: &str, spoil: impl FnOnce(&std::path::Path)) -> Option<(String, u32)> {
    let host = Host::new()?;
    let id = host.container(config);
    spoil(&host.root_of(id));
    let said = host.ctrun(&["start", &id.to_string()]);
    assert_ne!(said.code, 0, "it started");
    host.assert_nothing_left();
    Some((said.err, id))
}

#[test]
fn the_message_names_the_line() {
    let cases: [(&str, &str); 9] = [
        ("net0: name=eth0,bridge=nobridge\n", ":3: net0: bridge nobridge does not exist"),
        ("mp0: /no/such/dir,mp=/data\n", ":3: mp0: /no/such/dir does not exist"),
        ("lxc.cap.drop: sys_nice\nlxc.cap.keep: nonsense\n", ":4: "),
        ("lxc.prlimit.nonsense: 5\n", ":3: "),
        ("dev0: /dev/no-such-device\n", ":3: dev0: "),
        ("template: 1\n", ":3: template: a template does not run"),
        ("lock: backup\n", ":3: lock: the container is locked (backup)"),
        (
            "lxc.idmap: u 0 100000 65536\nlxc.idmap: g 0 100000 10\nlxc.idmap: g 5 200000 10\n",
            ":5: not valid: this range overlaps",
        ),
        ("lxc.hook.start: /x\n", ":3: lxc.hook.start"),
    ];
    for (config, wanted) in cases {
        let Some((said, id)) = refused(config, |_| ()) else { return };
        assert!(said.contains(&format!("{id}.conf{wanted}")), "{config}: {said}");
    }
}

#[test]
fn a_root_without_a_usable_init() {
    let Some((said, _)) = refused("", |root| fs::remove_file(root.join("sbin/init")).unwrap())
    else {
        return;
    };
    assert!(said.contains("the container has no /sbin/init"), "{said}");

    let init = |root: &std::path::Path, bytes: &[u8], mode| {
        fs::remove_file(root.join("sbin/init")).unwrap();
        fs::write(root.join("sbin/init"), bytes).unwrap();
        fs::set_permissions(root.join("sbin/init"), fs::Permissions::from_mode(mode)).unwrap();
    };
    let (said, _) = refused("", |root| init(root, b"#!/bin/sh\n", 0o644)).unwrap();
    assert!(said.contains("/sbin/init is not executable"), "{said}");
    let (said, _) = refused("", |root| init(root, b"#!/bin/nothing\n", 0o755)).unwrap();
    assert!(said.contains("the interpreter or loader of /sbin/init"), "{said}");
    // An ELF header for a machine that this is not.
    let mut elf = fs::read("/bin/busybox").unwrap();
    elf[18] = 0xf3;
    elf[19] = 0x00;
    let (said, _) = refused("", |root| init(root, &elf, 0o755)).unwrap();
    assert!(said.contains("for another architecture"), "{said}");
}

#[test]
fn a_root_whose_directories_are_links() {
    for name in ["proc", "sys", "dev"] {
        let said = refused("unprivileged: 1\n", |root| {
            fs::remove_dir(root.join(name)).unwrap();
            std::os::unix::fs::symlink("/tmp", root.join(name)).unwrap();
        });
        let Some((said, _)) = said else { return };
        assert!(said.contains("(step: mounts)"), "{said}");
    }
}
