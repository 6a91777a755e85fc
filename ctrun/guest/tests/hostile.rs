//! Guests that try to make the host read or write elsewhere, hang or fill its memory.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::Guest;
use ct_guest::Event;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

const CONFIG: &str = "hostname: ct1\nnameserver: 192.0.2.1\nsearchdomain: example.com\ntimezone: Europe/Vienna\n\
    net0: name=eth0,bridge=vmbr0,ip=192.0.2.10/24\n";
const HOSTS: &str = "# --- BEGIN PVE ---\n127.0.0.1 localhost.localnet localhost\n\
    ::1 localhost.localnet localhost\n192.0.2.10 ct1.example.com ct1\n# --- END PVE ---\n";

/// A Debian guest with nothing else in it.
fn debian() -> Guest {
    let guest = Guest::empty();
    guest.put("etc/debian_version", "12.5\n");
    guest
}

/// Something of the host that nobody may touch.
fn outside() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), "secret of the host\n").unwrap();
    dir
}

fn untouched(outside: &TempDir) {
    let names: Vec<_> =
        fs::read_dir(outside.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["file"]);
    assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "secret of the host\n");
}

/// The message of the failure of a start. It must come at once.
fn refusal(guest: &Guest) -> String {
    let before = guest.tree();
    let since = Instant::now();
    let error = guest.plan(CONFIG, Event::Start).map(|_| ()).unwrap_err().to_string();
    assert!(since.elapsed() < Duration::from_secs(5));
    assert_eq!(guest.tree(), before, "an error leaves everything as it was");
    error
}

#[test]
fn links_to_files_of_the_host_are_replaced() {
    let outside = outside();
    let file = outside.path().join("file");
    let up = format!("../../../../../../../../..{}", file.display());
    for target in [
        file.to_str().unwrap(),
        &up,
        "../../../../etc/hosts",
        "/proc/self/root/etc/hosts",
        "hosts",
        "nowhere",
    ] {
        let guest = debian();
        symlink(target, guest.path("etc/hosts")).unwrap();
        guest.run(CONFIG, Event::Start);
        assert!(fs::symlink_metadata(guest.path("etc/hosts")).unwrap().is_file(), "{target}");
        assert_eq!(guest.get("etc/hosts"), HOSTS, "{target}");
    }
    untouched(&outside);
}

#[test]
fn a_link_inside_gives_its_content_and_keeps_its_target() {
    let guest = debian();
    guest.put("data/hosts", "192.0.2.9 nas\n");
    symlink("/data/hosts", guest.path("etc/hosts")).unwrap();
    guest.run(CONFIG, Event::Start);
    assert_eq!(guest.get("etc/hosts"), format!("192.0.2.9 nas\n{HOSTS}"));
    assert_eq!(guest.get("data/hosts"), "192.0.2.9 nas\n");
}

#[test]
fn links_of_directories_stay_inside() {
    let outside = outside();
    let guest = Guest::empty();
    guest.put("debian_version", "12.5\n");
    symlink("/", guest.path("etc")).unwrap();
    guest.run(CONFIG, Event::Start);
    assert_eq!(guest.get("hosts"), HOSTS);

    let guest = debian();
    let up = format!("../../../../../../../..{}", outside.path().display());
    for (name, target) in [("network", outside.path().to_str().unwrap()), ("ssh", up.as_str())] {
        symlink(target, guest.path(&format!("etc/{name}"))).unwrap();
    }
    let error = refusal(&guest);
    assert!(error.contains("/etc/network") && error.contains("dangling link"), "{error}");
    // The same path inside the guest is what the links mean.
    let inside = outside.path().strip_prefix("/").unwrap().to_str().unwrap().to_owned();
    guest.put(&format!("{inside}/x"), "");
    guest.run(CONFIG, Event::Create);
    assert!(guest.get(&format!("{inside}/interfaces")).contains("192.0.2.10/24"));
    assert!(guest.path(&format!("{inside}/ssh_host_rsa_key")).is_file());
    untouched(&outside);
}

#[test]
fn the_home_of_root_cannot_be_elsewhere() {
    let outside = outside();
    let guest = debian();
    let home = format!("/../../../../../../../../..{}", outside.path().display());
    guest.put("etc/passwd", format!("root:x:0:0:root:{home}:/bin/sh\n"));
    guest.run(CONFIG, Event::Create);
    untouched(&outside);
}

#[test]
fn what_is_no_file_is_named() {
    let guest = debian();
    mknodat(CWD, guest.path("etc/hosts"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let error = refusal(&guest);
    assert!(error.contains("etc/hosts") && error.contains("fifo"), "{error}");

    let guest = debian();
    guest.put("etc/resolv.conf/x", "");
    let error = refusal(&guest);
    assert!(error.contains("etc/resolv.conf") && error.contains("directory"), "{error}");

    let guest = debian();
    let _socket = std::os::unix::net::UnixListener::bind(guest.path("etc/hostname")).unwrap();
    let error = refusal(&guest);
    assert!(error.contains("etc/hostname") && error.contains("socket"), "{error}");

    let guest = debian();
    symlink("fifo", guest.path("etc/os-release")).unwrap();
    mknodat(CWD, guest.path("etc/fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let error = refusal(&guest);
    assert!(error.contains("etc/os-release") && error.contains("fifo"), "{error}");

    let guest = Guest::empty();
    guest.put("etc", "a file");
    guest.put("usr/lib/os-release", "ID=alpine\n");
    let error = refusal(&guest);
    assert!(error.contains("/etc"), "{error}");
}

#[test]
fn links_to_what_is_no_file_are_replaced_and_removed() {
    // Masked units lead to /dev/null, which a root may have; a fifo is as little a file.
    for fixture in ["debian-12", "fedora-26", "rocky-9"] {
        let guest = Guest::new(fixture);
        fs::create_dir(guest.path("dev")).unwrap();
        let null = guest.path("dev/null");
        mknodat(CWD, null, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
        fs::create_dir_all(guest.path("etc/systemd/system")).unwrap();
        for unit in ["getty.target", "sys-kernel-debug.mount"] {
            let _ = symlink("/dev/null", guest.path(&format!("etc/systemd/system/{unit}")));
        }
        let _ = fs::remove_file(guest.path("etc/localtime"));
        guest.put("usr/share/zoneinfo/Europe/Vienna", "");
        symlink("/usr", guest.path("etc/localtime")).unwrap();
        guest.run(CONFIG, Event::Create);
        guest.run(CONFIG, Event::Start);
        assert!(!guest.path("etc/systemd/system/getty.target").is_symlink(), "{fixture}");
        let zone = fs::read_link(guest.path("etc/localtime")).unwrap();
        assert_eq!(zone.to_str(), Some("/usr/share/zoneinfo/Europe/Vienna"));
    }
}

#[test]
fn devices_are_not_opened() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root makes devices");
        return;
    }
    let guest = debian();
    // The console: opening it would work, and reading it would wait.
    let device = rustix::fs::makedev(5, 1);
    let made = mknodat(
        CWD,
        guest.path("etc/hosts"),
        FileType::CharacterDevice,
        Mode::from_raw_mode(0o644),
        device,
    );
    if let Err(errno) = made {
        eprintln!("skipped: no devices can be made here: {errno}");
        return;
    }
    let error = refusal(&guest);
    assert!(error.contains("etc/hosts") && error.contains("device"), "{error}");
}

#[test]
fn files_in_cron_d_that_are_none_are_passed_over() {
    let guest = debian();
    guest.put("etc/cron.d/dir/x", "");
    mknodat(CWD, guest.path("etc/cron.d/fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0)
        .unwrap();
    guest.put("etc/cron.d/job", "5 * * * * root x\n");
    guest.run(CONFIG, Event::Create);
    assert_eq!(guest.get("etc/cron.d/job"), "11 * * * * root x\n");
}

#[test]
fn a_huge_file_is_refused_and_a_large_one_kept() {
    let guest = debian();
    guest.put("etc/hosts", "");
    fs::File::options()
        .write(true)
        .open(guest.path("etc/hosts"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let error = guest.plan(CONFIG, Event::Start).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("etc/hosts") && error.contains("1099511627776"), "{error}");

    let guest = debian();
    let blocked = "0.0.0.0 ads.example.net\n".repeat(200_000);
    guest.put("etc/hosts", &blocked);
    guest.run(CONFIG, Event::Start);
    assert_eq!(guest.get("etc/hosts"), format!("{blocked}{HOSTS}"));
}

#[test]
fn line_endings_and_bytes_stay() {
    let guest = debian();
    guest.put("etc/hosts", b"192.0.2.9 caf\xe9\r\n192.0.2.8 last");
    guest.run(CONFIG, Event::Start);
    let mut want = b"192.0.2.9 caf\xe9\r\n192.0.2.8 last\n".to_vec();
    want.extend(HOSTS.bytes());
    assert_eq!(fs::read(guest.path("etc/hosts")).unwrap(), want);
}

#[test]
fn hard_links_are_parted_and_modes_kept() {
    let guest = debian();
    guest.put("etc/hosts", "192.0.2.9 nas\n");
    fs::set_permissions(guest.path("etc/hosts"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::hard_link(guest.path("etc/hosts"), guest.path("other")).unwrap();
    guest.run(CONFIG, Event::Start);
    assert_eq!(guest.get("other"), "192.0.2.9 nas\n");
    assert_eq!(fs::metadata(guest.path("etc/hosts")).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn no_temporary_file_stays() {
    let guest = debian();
    guest.run(CONFIG, Event::Create);
    guest.run(CONFIG, Event::Start);
    let left: Vec<_> = guest.tree().into_iter().filter(|line| line.contains(".ct-guest")).collect();
    assert_eq!(left, Vec::<String>::new());

    // A directory takes the place of a file between plan and apply.
    let (mut root, _) = guest.plan(&CONFIG.replace("ct1", "ct2"), Event::Start).unwrap();
    fs::remove_file(guest.path("etc/hostname")).unwrap();
    fs::create_dir(guest.path("etc/hostname")).unwrap();
    let error = root.apply().unwrap_err().to_string();
    assert!(error.contains("/etc/hostname"), "{error}");
    assert!(guest.tree().iter().all(|line| !line.contains(".ct-guest")));
    let again =
        ct_guest::plan(&mut root, &common::settings(CONFIG), &common::options(), Event::Start);
    assert!(again.unwrap_err().to_string().contains("etc/hostname"));
}

/// Puts `/etc` and a link to the outside in each other's place, over and over.
fn swap(root: &Path, stop: &AtomicBool) {
    let (etc, spare) = (root.join("etc"), root.join("spare"));
    while !stop.load(Ordering::Relaxed) {
        let flags = rustix::fs::RenameFlags::EXCHANGE;
        rustix::fs::renameat_with(CWD, &etc, CWD, &spare, flags).unwrap();
    }
}

#[test]
fn a_race_of_links_leads_nowhere() {
    let outside = outside();
    let guest = debian();
    symlink(outside.path(), guest.path("spare")).unwrap();
    let stop = AtomicBool::new(false);
    let mut done = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| swap(guest.dir.path(), &stop));
        let end = Instant::now() + Duration::from_millis(500);
        while Instant::now() < end {
            let config = CONFIG.replace("ct1", &format!("ct{done}"));
            if let Ok((mut root, _)) = guest.plan(&config, Event::Start)
                && root.apply().is_ok()
            {
                done += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    untouched(&outside);
    println!("{done} starts got through");
}
