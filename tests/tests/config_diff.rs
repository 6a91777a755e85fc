//! What differs between two sections, and the typed views of one.

mod generate;

use proptest::prelude::*;
use pve_config::{Config, Document, IpConfig, OptionChange, Volume, diff};
use pve_tests::fixtures;
use std::collections::BTreeSet;

fn between(old: &str, new: &str) -> Vec<OptionChange> {
    let (old, new) = (Document::parse(old), Document::parse(new));
    diff((&old, old.main()), (&new, new.main()))
}

fn reversed(changes: &[OptionChange]) -> Vec<OptionChange> {
    let mut changes = changes.to_vec();
    for change in &mut changes {
        std::mem::swap(&mut change.before, &mut change.after);
        for part in &mut change.properties {
            std::mem::swap(&mut part.before, &mut part.after);
        }
    }
    changes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_diff_is_symmetric(a in generate::document(), b in generate::document()) {
        prop_assert_eq!(between(&a, &a), []);
        prop_assert_eq!(reversed(&between(&a, &b)), between(&b, &a));
    }

    #[test]
    fn a_diff_names_the_keys_that_are_in_one_only(a in generate::document(), b in generate::document()) {
        let (old, new) = (Document::parse(a.clone()), Document::parse(b.clone()));
        let keys = |document: &Document| -> BTreeSet<String> {
            document.options(document.main()).map(|option| option.key.to_owned()).collect()
        };
        let (before, after) = (keys(&old), keys(&new));
        let changes = between(&a, &b);
        prop_assert!(changes.is_sorted_by(|a, b| a.key < b.key));
        let named: BTreeSet<String> = changes.iter().map(|change| change.key.clone()).collect();
        let one_sided: BTreeSet<String> = before.symmetric_difference(&after).cloned().collect();
        prop_assert!(one_sided.is_subset(&named));
        prop_assert!(named.is_subset(&before.union(&after).cloned().collect()));
        for change in &changes {
            prop_assert_eq!(change.is_added(), !before.contains(&change.key));
            prop_assert_eq!(change.is_removed(), !after.contains(&change.key));
        }
    }

    #[test]
    fn spacing_comments_and_order_are_no_difference(text in generate::document()) {
        let document = Document::parse(text.clone());
        let mut last: Vec<_> = document
            .options(document.main())
            .filter(|option| !option.value.is_empty() && !option.value.contains('\r'))
            .collect();
        last.reverse();
        let mut seen = BTreeSet::new();
        // Of duplicates the last counts; lxc lines keep their order.
        let (raw, mut plain): (Vec<_>, Vec<_>) =
            last.into_iter().partition(|option| option.key.starts_with("lxc."));
        plain.retain(|option| seen.insert(option.key));
        let lines: String = plain
            .into_iter()
            .chain(raw.into_iter().rev())
            .map(|option| format!("# c\n{}:   {}\t\r\n\n", option.key, option.value))
            .collect();
        let emptied = document
            .options(document.main())
            .any(|option| option.value.is_empty() || option.value.contains('\r'));
        if !emptied {
            prop_assert_eq!(between(&text, &lines), []);
        }
    }
}

#[test]
fn other_ways_to_write_a_value_are_no_difference() {
    for (a, b) in [
        ("onboot: yes", "onboot: 1"),
        ("onboot: OFF", "onboot: no"),
        ("memory: 0512", "memory: 512"),
        ("cpulimit: 1.50", "cpulimit: 1.5"),
        ("tags: a;b", "tags: a, b"),
        ("nameserver: 1.1.1.1 1.1.1.2", "nameserver: 1.1.1.1,1.1.1.2"),
        ("rootfs: l1:a,size=1G", "rootfs: size=1024M,volume=l1:a"),
        ("rootfs: l1:a,ro=0", "rootfs: l1:a"),
        ("mp0: /a,mp=/b,replicate=1", "mp0: /a,mp=/b"),
        ("net0: name=a,hwaddr=AA:bb:00:00:00:01", "net0: hwaddr=aa:BB:00:00:00:01,name=a"),
        ("net0: name=a,firewall=no", "net0: name=a"),
        ("net0: name=a,ip6=2001:DB8::1/64", "net0: name=a,ip6=2001:db8:0::1/64"),
        ("net0: name=a,gw6=FE80::1", "net0: name=a,gw6=fe80::1"),
        ("startup: 5,up=0", "startup: order=5"),
        ("features: nesting=on", "features: nesting=1"),
    ] {
        assert_eq!(between(a, b), [], "{a} and {b}");
    }
    for (a, b) in [
        ("onboot: 1", "onboot: 0"),
        ("onboot: maybe", "onboot: perhaps"),
        ("cpulimit: 1.5", "cpulimit: 1.51"),
        ("tags: a;b", "tags: b;a"),
        ("rootfs: l1:a,size=1G", "rootfs: l1:a,size=1025M"),
        ("rootfs: l1:a,replicate=0", "rootfs: l1:a"),
        ("net0: name=a,ip6=2001:db8::1/64", "net0: name=a,ip6=2001:db8::1/65"),
        ("bogus: 1", "bogus: 2"),
    ] {
        assert_eq!(between(a, b).len(), 1, "{a} and {b}");
    }
}

#[test]
fn a_change_of_a_property_string_says_which_part() {
    let found = between(
        "net0: name=eth0,bridge=a,tag=5,ip=dhcp\n",
        "net0: name=eth0,bridge=b,mtu=1400,ip=dhcp\n",
    );
    let parts: Vec<_> = found[0]
        .properties
        .iter()
        .map(|part| (part.name, part.before.as_deref(), part.after.as_deref()))
        .collect();
    assert_eq!(
        parts,
        [("bridge", Some("a"), Some("b")), ("mtu", None, Some("1400")), ("tag", Some("5"), None)]
    );
}

#[test]
fn views_of_a_real_file() {
    for name in ["unprivileged.conf", "windows.conf"] {
        let document = Document::parse(fixtures::text(&format!("containers/{name}")));
        let config = Config::new(&document, document.main());
        assert_eq!(config.text("hostname"), Some("docker.example.com"));
        assert_eq!(config.integer("memory"), Some(8192));
        assert_eq!(config.number("cpulimit"), Some(2.5));
        assert!(config.boolean("onboot") && config.boolean("unprivileged"));
        assert!(!config.boolean("template"));
        assert_eq!(config.text("cmode"), Some("tty"));
        assert_eq!(config.list("searchdomain"), ["example.com", "lan"]);
        assert_eq!(config.startup().order, Some(5));
        let root = config.rootfs().unwrap();
        assert_eq!((root.size, root.target.as_str()), (Some(16 << 30), "/"));
        let points = config.mount_points();
        assert_eq!(points.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(points[&1].volume, Volume::Directory("/mnt/bindmounts/media".into()));
        assert!(points[&0].backup && !points[&0].replicate && points[&1].shared);
        assert_eq!(points[&2].size, Some(0));
        let nets = config.nets();
        assert_eq!(nets[&0].ip, IpConfig::Static("192.168.1.20".parse().unwrap(), 24));
        assert_eq!((nets[&0].ip6, nets[&1].ip6), (IpConfig::Dhcp, IpConfig::None));
        assert!(nets[&1].link_down && nets[&0].host_managed);
        assert_eq!(nets[&1].hwaddr.as_deref(), Some("BC:24:11:2F:6A:02"));
        let devices = config.devices();
        assert_eq!((devices[&0].gid, devices[&0].mode), (104, 0o660));
        assert!(devices[&1].deny_write);
        assert_eq!(config.features().mount, ["nfs", "cifs"]);
        let raw = config.raw();
        assert_eq!(raw[1].key, "lxc.cap.drop");
        assert_eq!(raw[1].value, "");
        assert_eq!(raw.last().unwrap().key, "lxc.sysctl.kernel.msgmax");
        assert_eq!(
            document.description(document.main()).unwrap(),
            "Docker host\nsecond line of one comment\n\n"
        );
    }
}

#[test]
fn what_is_wrong_is_as_if_it_were_not_there() {
    let document = Document::parse(
        "memory: lots\nnet0: bridge=b\nmp0: /a\ncores: 0\nonboot: x\nmp1: /a,mp=/b,ro=x\n",
    );
    let config = Config::new(&document, document.main());
    assert_eq!(config.integer("memory"), Some(512));
    assert_eq!(config.integer("cores"), None);
    assert!(!config.boolean("onboot"));
    assert!(config.nets().is_empty() && config.mount_points().is_empty());
}
