//! `ctrun snapshot-sim` as a command: what it prints where, and how it exits.

use std::fs;
use std::process::Command;

const CONFIG: &str = "\
# web
hostname: web
mp0: /srv,mp=/srv
rootfs: local:100/vm-100-disk-0.raw
";

const SNAPSHOT: &str = "
[before]
#the upgrade
hostname: web
mp0: /srv,mp=/srv
rootfs: local:100/vm-100-disk-0.raw
snaptime: 1700000000
";

/// Exit code, standard output and standard error.
fn sim(config: &str, script: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::write(path("100.conf"), config).unwrap();
    fs::write(path("script"), script).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ctrun"))
        .args(["snapshot-sim", "--config", &path("100.conf")])
        .args(["--storage-script", &path("script")])
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(fs::read_to_string(path("100.conf")).unwrap(), config, "it is not changed");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let stderr = text(output.stderr).replace(&path(""), "");
    (output.status.code(), text(output.stdout), stderr)
}

#[test]
fn what_comes_out_is_the_file() {
    let create = ["--op", "create", "--name", "before", "--snaptime", "1700000000"];
    let description = ["--description", "the upgrade"];
    let arguments: Vec<&str> = create.into_iter().chain(description).collect();
    let (code, made, warning) = sim(CONFIG, "snapshot local:100/vm-100-disk-0.raw", &arguments);
    assert_eq!(made, CONFIG.replace("rootfs", "parent: before\nrootfs") + SNAPSHOT);
    assert_eq!(warning, "warning: mp0: /srv is a bind mount and not part of the snapshot\n");
    assert_eq!(code, Some(0));
    let delete = ["--op", "delete", "--name", "before"];
    let (code, left, error) = sim(&made, "delete local:100/vm-100-disk-0.raw", &delete);
    assert_eq!((code, left.as_str(), error.as_str()), (Some(0), CONFIG, ""));
    let forced: Vec<&str> = delete.into_iter().chain(["--force"]).collect();
    let (code, left, _) = sim(&made, "", &forced);
    assert_eq!((code, left.as_str()), (Some(0), CONFIG));
}

#[test]
fn after_a_failure_the_file_is_printed_too() {
    let text = CONFIG.to_owned() + SNAPSHOT;
    let (code, left, error) =
        sim(&text, "# nothing works\n", &["--op", "delete", "--name", "before"]);
    assert_eq!(code, Some(255));
    assert!(left.contains("lock: snapshot-delete\n") && left.contains("snapstate: delete\n"));
    assert_eq!(
        error,
        "rootfs: local:100/vm-100-disk-0.raw: volume snapshot delete disabled (step: delete)\n"
    );
    let (code, left, error) = sim(&text, "", &["--op", "rollback", "--name", "after"]);
    assert_eq!((code, left), (Some(255), text));
    assert_eq!(error, "snapshot 'after' does not exist\n");
}

#[test]
fn a_time_is_now_unless_it_is_said() {
    let (_, half, _) = sim(CONFIG, "", &["--op", "prepare", "--name", "before"]);
    let time = half.lines().find_map(|line| line.strip_prefix("snaptime: ")).unwrap();
    assert!(time.parse::<u64>().unwrap() > 1_700_000_000);
    let (code, whole, _) = sim(&half, "", &["--op", "commit", "--name", "before"]);
    assert_eq!(code, Some(0));
    assert!(whole.contains("parent: before\n") && !whole.contains("snapstate"));
}

#[test]
fn a_bad_script_is_shown_by_its_line() {
    let (code, printed, error) =
        sim(CONFIG, "snapshot local:a\nfreeze local:a\n", &["--op", "create", "--name", "before"]);
    assert_eq!((code, printed.as_str()), (Some(255), ""));
    assert!(error.starts_with("script:2: unknown operation 'freeze'"), "{error}");
    let missing = ["--op", "create", "--name", "before", "--settings", "/nonexistent"];
    assert_ne!(sim(CONFIG, "", &missing).0, Some(0));
}
