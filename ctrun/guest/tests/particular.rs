//! What single distributions do in particular circumstances.

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::Guest;
use ct_guest::Event;

const NEAR: &str = "hostname: ct1\nnet0: name=eth0,bridge=vmbr0,ip=192.0.2.10/24,gw=192.0.2.1\n";
const FAR: &str = "hostname: ct1\nnet0: name=eth0,bridge=vmbr0,ip=192.0.2.10/24,gw=198.51.100.1\n";

#[test]
fn routes_go_when_the_gateway_comes_near() {
    for (fixture, file) in [
        ("centos-7", "etc/sysconfig/network-scripts/route-eth0"),
        ("rocky-9", "etc/sysconfig/network-scripts/route-eth0"),
    ] {
        let guest = Guest::new(fixture);
        guest.run(FAR, Event::Start);
        assert!(guest.get(file).contains("198.51.100.1 dev eth0"));
        guest.run(NEAR, Event::Start);
        assert!(!guest.path(file).exists(), "{fixture}");

        guest.put(file, "10.0.0.0/8 via 192.0.2.3\n");
        guest.run(FAR, Event::Start);
        guest.run(NEAR, Event::Start);
        assert_eq!(guest.get(file), "10.0.0.0/8 via 192.0.2.3\n", "the guest's own routes stay");
    }
    let guest = Guest::new("almalinux-10");
    let file = "etc/NetworkManager/system-connections/eth0.nmconnection";
    guest.run(FAR, Event::Start);
    assert!(guest.get(file).contains("\nroute1=198.51.100.1/32\n"));
    guest.run(NEAR, Event::Start);
    assert!(!guest.get(file).contains("route1"));

    let guest = Guest::new("opensuse-15.6");
    guest.run(NEAR, Event::Start);
    guest.run("net0: name=eth0,bridge=vmbr0,ip=dhcp\n", Event::Start);
    assert!(!guest.path("etc/sysconfig/network/ifroute-eth0").exists());
}

#[test]
fn the_store_of_nixos_is_never_written_to() {
    let guest = Guest::new("nixos");
    guest.put("nix/store/abc-etc/systemd/network/x.network", "");
    symlink("/nix/store/abc-etc/systemd", guest.path("etc/systemd")).unwrap();
    symlink("/nix/store/abc-etc/hosts", guest.path("etc/hosts")).unwrap();
    guest.put("nix/store/abc-etc/hosts", "127.0.0.1 localhost\n");
    let (mut root, _) = guest.plan(NEAR, Event::Start).unwrap();
    assert!(root.warnings()[0].contains("in the store"), "{:?}", root.warnings());
    root.apply().unwrap();
    assert_eq!(fs::read_dir(guest.path("nix/store/abc-etc/systemd/network")).unwrap().count(), 1);
    assert_eq!(guest.get("nix/store/abc-etc/hosts"), "127.0.0.1 localhost\n");
    assert!(guest.get("etc/hosts").starts_with("127.0.0.1 localhost\n# --- BEGIN PVE ---\n"));
}

#[test]
fn a_getty_of_the_guest_s_own_stays() {
    let unit = "etc/systemd/system/container-getty@.service";
    let guest = Guest::new("debian-12");
    guest.put(unit, "[Service]\nExecStart=/sbin/mygetty pts/%I\n");
    guest.run(NEAR, Event::Start);
    assert_eq!(guest.get(unit), "[Service]\nExecStart=/sbin/mygetty pts/%I\n");

    let guest = Guest::new("debian-12");
    guest.run(NEAR, Event::Start);
    guest
        .put("usr/lib/systemd/system/container-getty@.service", "[Service]\nTTYPath=/dev/pts/%I\n");
    guest.run(NEAR, Event::Start);
    assert!(
        guest.get(unit).ends_with("\n[Service]\nTTYPath=/dev/tty%I\n"),
        "ours follows the distribution's"
    );

    let guest = Guest::new("debian-12");
    symlink("/dev/null", guest.path(unit)).unwrap();
    guest.run(NEAR, Event::Start);
    assert_eq!(fs::read_link(guest.path(unit)).unwrap().to_str(), Some("/dev/null"), "masked");
}

#[test]
fn the_number_and_names_of_ttys_follow_the_configuration() {
    let guest = Guest::new("debian-12");
    let wants = "etc/systemd/system/getty.target.wants";
    let count = || {
        let dir = fs::read_dir(guest.path(wants)).unwrap();
        dir.filter(|e| e.as_ref().unwrap().file_name().to_str().unwrap().starts_with("container-"))
            .count()
    };
    for ttys in [6, 1, 0, 3] {
        guest.run(&format!("tty: {ttys}\n"), Event::Start);
        assert_eq!(count(), ttys);
    }
    guest.run("lxc.tty.dir: lxc\n", Event::Start);
    assert!(
        guest.get("etc/systemd/system/container-getty@.service").contains("TTYPath=/dev/lxc/tty%I")
    );

    let guest = Guest::new("alpine-3.20");
    guest.run("tty: 0\n", Event::Start);
    assert!(!guest.get("etc/inittab").contains("getty 38400"));
    guest.run("tty: 1\n", Event::Start);
    assert!(guest.get("etc/inittab").contains("tty1::respawn:/sbin/getty 38400 tty1\n"));
}

#[test]
fn old_systemd_has_only_getty() {
    let guest = Guest::new("fedora-26");
    fs::remove_file(guest.path("etc/systemd/system/getty@.service")).unwrap();
    fs::remove_file(guest.path("usr/lib/systemd/system/container-getty@.service")).unwrap();
    guest.put(
        "usr/lib/systemd/system/getty@.service",
        "[Unit]\nConditionPathExists=/dev/tty0\n\n[Service]\nTTYPath=/dev/%I\n",
    );
    guest.run(NEAR, Event::Start);
    assert!(!guest.get("etc/systemd/system/getty@.service").contains("tty0"));
    let link = guest.path("etc/systemd/system/getty.target.wants/getty@tty2.service");
    assert_eq!(fs::read_link(link).unwrap().to_str(), Some("/etc/systemd/system/getty@.service"));
}

#[test]
fn passwords_without_shadow_are_in_passwd() {
    let guest = Guest::new("debian-12");
    fs::remove_file(guest.path("etc/shadow")).unwrap();
    guest.run(NEAR, Event::Create);
    assert!(guest.get("etc/passwd").starts_with("root:$6$salt$hash:0:0:"));
    assert!(!guest.path("etc/shadow").exists());
}

#[test]
fn names() {
    let guest = Guest::new("gentoo");
    guest.put("etc/hostname", "old\n");
    guest.run("hostname: a.example.org\n", Event::Start);
    assert_eq!(guest.get("etc/hostname"), "a\n");
    assert!(guest.get("etc/conf.d/hostname").contains("\nhostname=\"a\"\n"));

    let guest = Guest::new("rocky-9");
    guest.run("hostname: a.example.org\n", Event::Start);
    assert_eq!(guest.get("etc/hostname"), "a.example.org\n");
    assert!(guest.get("etc/hosts").contains("\n127.0.1.1 a.example.org a\n"), "no static address");

    let guest = Guest::new("debian-12");
    guest.run("net0: name=eth0,bridge=vmbr0,ip6=2001:db8::1/64,ip=dhcp\n", Event::Start);
    assert_eq!(guest.get("etc/hostname"), "localhost\n");
    assert!(guest.get("etc/hosts").contains("\n127.0.1.1 localhost\n"));
    guest.run("hostname: b\nsearchdomain: x.org y.org\nnet0: name=eth0,bridge=vmbr0,ip6=2001:db8::1/64,ip=dhcp\n", Event::Start);
    assert!(
        guest.get("etc/hosts").contains("\n2001:db8::1 b.x.org b.y.org b\n"),
        "{}",
        guest.get("etc/hosts")
    );
}

#[test]
fn network_manager_without_networkd() {
    for fixture in ["fedora-41", "opensuse-tumbleweed"] {
        let guest = Guest::new(fixture);
        let _ = fs::remove_file(guest.path("usr/lib/systemd/systemd-networkd"));
        guest.put("etc/NetworkManager/NetworkManager.conf", "");
        guest.run(NEAR, Event::Start);
        let file = guest.get("etc/NetworkManager/system-connections/eth0.nmconnection");
        assert!(file.contains("address1=192.0.2.10/24"), "{file}");
    }
    let guest = Guest::new("opensuse-15.6");
    guest.put("etc/NetworkManager/NetworkManager.conf", "");
    guest.put("usr/lib/systemd/systemd-networkd", "");
    guest.run(NEAR, Event::Start);
    assert!(!guest.path("etc/NetworkManager/system-connections").exists(), "wicked is there");
    assert!(guest.get("etc/systemd/network/eth0.network").contains("Address=192.0.2.10/24"));
}

#[test]
fn the_host_stands_in_for_what_is_not_set() {
    let resolv = |config: &str| {
        let guest = Guest::new("debian-12");
        guest.run(config, Event::Start);
        guest
            .get("etc/resolv.conf")
            .lines()
            .filter(|l| !l.starts_with('#'))
            .collect::<Vec<_>>()
            .join("|")
    };
    assert_eq!(resolv(""), "search host.example|nameserver 192.0.2.53");
    assert_eq!(resolv("nameserver: 9.9.9.9\n"), "search host.example|nameserver 9.9.9.9");
    assert_eq!(resolv("searchdomain: a.org b.org\n"), "search a.org b.org|nameserver 192.0.2.53");

    let zone = |config: &str| {
        let guest = Guest::new("debian-12");
        guest.run(config, Event::Start);
        fs::read_link(guest.path("etc/localtime")).ok().map(|link| link.display().to_string())
    };
    assert_eq!(zone("timezone: host\n").as_deref(), Some("/usr/share/zoneinfo/Europe/Vienna"));
    assert_eq!(zone("timezone: Mars/Olympus\n"), None);
    assert_eq!(zone(""), None);
}

#[test]
fn versions_decide() {
    let config = "net0: name=eth0,bridge=vmbr0,ip=192.0.2.10/24\n";
    let preset = "etc/systemd/system-preset/00-pve.preset";
    let networkd = "etc/systemd/network/eth0.network";
    let at = |fixture: &str, files: &[(&str, &str)]| {
        let guest = Guest::new(fixture);
        for (path, text) in files {
            guest.put(path, text);
        }
        guest.run(config, Event::Create);
        guest
    };
    for (version, netmask, has_preset) in [
        ("9.13", true, false),
        ("10.1", false, false),
        ("11.0", false, false),
        ("12.0", false, true),
    ] {
        let guest = at("debian-12", &[("etc/debian_version", version)]);
        assert_eq!(guest.get("etc/network/interfaces").contains("netmask"), netmask, "{version}");
        assert_eq!(guest.path(preset).exists(), has_preset, "{version}");
    }
    for (version, netmask) in [("3.12.9", true), ("3.13.0", false), ("edge", false)] {
        let guest = at("alpine-3.20", &[("etc/alpine-release", version)]);
        assert_eq!(guest.get("etc/network/interfaces").contains("netmask"), netmask, "{version}");
    }
    for (version, has_networkd, has_link, has_preset) in [
        ("17.04", false, false, false),
        ("17.10", true, true, false),
        ("22.10", true, true, false),
        ("23.04", true, false, true),
    ] {
        let lsb = format!("DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE={version}\n");
        let guest = at("ubuntu-24.04", &[("etc/lsb-release", &lsb)]);
        assert_eq!(guest.path(networkd).exists(), has_networkd, "{version}");
        assert_eq!(guest.path("etc/network/interfaces").exists(), !has_networkd, "{version}");
        let link = "etc/systemd/system/multi-user.target.wants/systemd-networkd.service";
        assert_eq!(guest.path(link).is_symlink(), has_link, "{version}");
        assert_eq!(guest.path(preset).exists(), has_preset, "{version}");
    }
    for (version, upstart) in [("12.04", true), ("14.10", true), ("15.04", false)] {
        let lsb = format!("DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE={version}\n");
        let guest = at("ubuntu-16.04", &[("etc/lsb-release", &lsb)]);
        assert_eq!(guest.path("etc/init/tty1.conf").exists(), upstart, "{version}");
    }
    for (version, has_ifcfg, has_networkd, has_preset) in [
        ("24", true, false, false),
        ("27", true, true, false),
        ("28", false, true, false),
        ("37", false, true, true),
    ] {
        let release = format!("Fedora release {version} (X)\n");
        let guest = at("fedora-26", &[("etc/fedora-release", &release)]);
        let ifcfg = guest.path("etc/sysconfig/network-scripts/ifcfg-eth0");
        assert_eq!(ifcfg.exists(), has_ifcfg, "{version}");
        assert_eq!(guest.path(networkd).exists(), has_networkd, "{version}");
        assert_eq!(guest.path(preset).exists(), has_preset, "{version}");
    }
    for (version, has_preset) in [("7", false), ("8", true)] {
        let guest =
            at("centos-7", &[("etc/redhat-release", &format!("CentOS release {version}.1\n"))]);
        assert_eq!(guest.path(preset).exists(), has_preset, "{version}");
    }
}
