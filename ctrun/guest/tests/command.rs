//! The command by its arguments, output and exit code.

mod common;

use std::process::{Command, Output};

use common::Guest;

fn run(guest: &Guest, config: &str, args: &[&str]) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_guest-setup"))
        .args(["--vmid", "100", "--config"])
        .arg(file.path())
        .arg("--rootfs")
        .arg(guest.dir.path())
        .args(args)
        .output()
        .unwrap()
}

const FIXED: [&str; 10] = [
    "--host-nameservers",
    "192.0.2.53,2001:db8::53",
    "--host-searchdomain",
    "host.example",
    "--cron-minutes",
    "7,8",
    "--uuid",
    "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "--password-hash",
    "$6$salt$hash",
];

#[test]
fn create_is_the_same_each_time() {
    let config = "hostname: ct1\nnet0: name=eth0,bridge=vmbr0,ip=dhcp\n";
    let args: Vec<_> = ["--event", "create"].into_iter().chain(FIXED).collect();
    let guest = Guest::new("almalinux-10");
    guest.put("etc/crontab", "1 2 * * * root x\n3 4 * * * root y\n5 6 * * * root z\n");
    let dry: Vec<_> = args.iter().copied().chain(["--dry-run"]).collect();
    let before = guest.tree();
    let shown = run(&guest, config, &dry);
    assert!(shown.status.success(), "{shown:?}");
    assert_eq!(guest.tree(), before);
    assert_eq!(run(&guest, config, &dry).stdout, shown.stdout);

    let done = run(&guest, config, &args);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "");
    assert_eq!(guest.get("etc/crontab"), "7 2 * * * root x\n8 4 * * * root y\n7 6 * * * root z\n");
    assert!(guest.get("etc/shadow").starts_with("root:$6$salt$hash:"));
    assert_eq!(
        guest.get("etc/resolv.conf"),
        "# --- BEGIN PVE ---\nsearch host.example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n# --- END PVE ---\n"
    );
    assert_eq!(String::from_utf8_lossy(&run(&guest, config, &dry).stdout), "");
}

#[test]
fn the_owner_is_the_mapped_root() {
    use std::os::unix::fs::MetadataExt as _;
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root gives files away");
        return;
    }
    let guest = Guest::new("debian-12");
    let args = ["--event", "start", "--host-nameservers", "192.0.2.53", "--host-searchdomain", ""];
    for (config, owner) in [
        ("unprivileged: 1\n", (100_000, 100_000)),
        ("lxc.idmap: u 0 7000 9\nlxc.idmap: g 0 8000 9\nunprivileged: 1\n", (7000, 8000)),
        ("", (0, 0)),
    ] {
        let _ = std::fs::remove_file(guest.path("etc/resolv.conf"));
        assert!(run(&guest, config, &args).status.success());
        let meta = std::fs::metadata(guest.path("etc/resolv.conf")).unwrap();
        assert_eq!((meta.uid(), meta.gid()), owner, "{config}");
        assert_eq!(
            guest.get("etc/resolv.conf"),
            "# --- BEGIN PVE ---\nnameserver 192.0.2.53\n# --- END PVE ---\n"
        );
    }
}

#[test]
fn failures_are_told() {
    let guest = Guest::new("debian-12");
    let told = |output: Output| {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let error = told(run(&guest, "ostype: alpine\n", &["--event", "start"]));
    assert!(error.contains("unexpected ostype (debian != alpine)"), "{error}");
    let error = told(run(&guest, "", &["--event", "create", "--uuid", "x"]));
    assert!(error.contains("\"x\" is no UUID"), "{error}");
    let error = told(run(&guest, "", &["--event", "create", "--ssh-public-keys", "/nowhere"]));
    assert!(error.contains("cannot read /nowhere: No such file"), "{error}");
    assert_eq!(run(&guest, "", &["--event", "boot"]).status.code(), Some(2));
    assert_eq!(
        run(&guest, "", &["--event", "start", "--cron-minutes", "60"]).status.code(),
        Some(2)
    );
}

#[test]
fn warnings_do_not_fail() {
    let guest = Guest::new("debian-12");
    guest.put("etc/debian_version", "17.1\n");
    let output = run(&guest, "timezone: Mars/Olympus\n", &["--event", "start"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("warning: container 100: debian 17.1 is newer"), "{text}");
}
