//! The commands that look into a store, and take a tree in or out, beside a daemon and without one.

use integration::mounted::{Mounted, PATIENCE, wait_for};
use integration::programs;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const GOOD: &str = "arch: amd64\nmemory: 512\nrootfs: local:100/vm-100-disk-0.raw,size=8G\n";

/// Runs a command of pvefs for a mount.
fn pvefs(mounted: &Mounted, args: &[&str]) -> Output {
    mounted.pvefs(args).output().expect("pvefs can be started")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command that must end well prints.
fn printed(mounted: &Mounted, args: &[&str]) -> String {
    let output = pvefs(mounted, args);
    assert!(output.status.success(), "{args:?}: {}\n{}", output.status, stderr(&output));
    stdout(&output)
}

/// The error of a command that must fail with `code`.
fn failure(mounted: &Mounted, code: i32, args: &[&str]) -> String {
    let output = pvefs(mounted, args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
    stderr(&output)
}

fn revisions(mounted: &Mounted, target: &str) -> Vec<u64> {
    let json = printed(mounted, &["log", target, "--output-format", "json"]);
    let rows: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let rows = rows.as_array().expect("an array");
    rows.iter().map(|row| row["revision"].as_u64().expect("a number")).collect()
}

#[test]
fn revisions_are_listed_shown_compared_and_brought_back() {
    let mounted = Mounted::new();
    let conf = mounted.conf(100);
    fs::write(&conf, GOOD).unwrap();
    fs::write(&conf, GOOD.replace("512", "1024")).unwrap();
    let sed = ["-i", "s/1024/2048/"];
    assert!(Command::new("sed").args(sed).arg(&conf).status().unwrap().success());

    let list = printed(&mounted, &["log", "100"]);
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[0].contains(" root ") && lines[0].contains(" sed["), "{list}");
    let all = revisions(&mounted, "100");
    assert!(all.is_sorted_by(|newer, older| newer > older), "{all:?}");

    assert_eq!(printed(&mounted, &["show", "100"]), GOOD.replace("512", "2048"));
    assert_eq!(printed(&mounted, &["show", &format!("100@{}", all[2])]), GOOD);
    let path = conf.to_string_lossy();
    assert_eq!(
        printed(&mounted, &["show", &format!("{path}@{}", all[1])]),
        GOOD.replace("512", "1024")
    );

    let diff = pvefs(&mounted, &["diff", "100"]);
    assert_eq!(diff.status.code(), Some(1));
    assert!(stdout(&diff).contains("-memory: 1024\n+memory: 2048\n"), "{}", stdout(&diff));
    let (old, new) = (format!("100@{}", all[2]), all[1].to_string());
    let diff = pvefs(&mounted, &["diff", &old, &new]);
    assert!(stdout(&diff).contains("-memory: 512\n+memory: 1024\n"), "{}", stdout(&diff));
    printed(&mounted, &["diff", &format!("100@{}", all[0])]);

    // Through the daemon: readers see it at once, and it is a revision of its own.
    printed(&mounted, &["revert", &old]);
    assert_eq!(fs::read_to_string(&conf).unwrap(), GOOD);
    assert_eq!(revisions(&mounted, "100").len(), 4);
    printed(&mounted, &["revert", "100"]);
    assert_eq!(fs::read_to_string(&conf).unwrap(), GOOD.replace("512", "2048"));

    // What was removed can be looked at and brought back.
    fs::remove_file(&conf).unwrap();
    let gone = wait_for(PATIENCE, || {
        let list = printed(&mounted, &["log", "100", "-n", "1"]);
        list.contains("removed").then_some(())
    });
    assert!(gone.is_some(), "{}", printed(&mounted, &["log", "100"]));
    printed(&mounted, &["revert", "100"]);
    assert_eq!(fs::read_to_string(&conf).unwrap(), GOOD.replace("512", "2048"));

    for wrong in ["101", "100@999999", "../x", "storage.cfg"] {
        let error = failure(&mounted, 1, &["show", wrong]);
        assert!(error.starts_with("pvefs: "), "{error}");
    }
    assert!(failure(&mounted, 2, &["show", "100@x"]).contains("\"x\" is no revision"));
}

#[test]
fn a_refused_save_says_why() {
    let mounted = Mounted::new();
    let conf = mounted.conf(100);
    fs::write(&conf, GOOD).unwrap();
    let bad = "arch: amd64\nmemroy: 1\nswap: x\nrootfs: local:100/vm-100-disk-0.raw,size=8G\n";
    assert!(fs::write(&conf, bad).is_err());
    let why = printed(&mounted, &["why", "100"]);
    // Every mistake of the text, at its place in the file.
    for part in ["--> 100.conf:2:1", "did you mean `memory`?", "--> 100.conf:3:7"] {
        assert!(why.contains(part), "{part}:\n{why}");
    }
    assert_eq!(printed(&mounted, &["why", "100", "--text"]), bad);
    assert_eq!(fs::read_to_string(mounted.rejected(100)).unwrap(), bad);
    let rows: serde_json::Value =
        serde_json::from_str(&printed(&mounted, &["why", "--output-format", "json"])).unwrap();
    assert_eq!(rows[0]["path"], format!("nodes/{}/lxc/100.conf", mounted.node));
    // A line that is appended is wrong at its place in the file, not in the line.
    let mut append = Command::new("sh");
    append.args(["-c", "echo 'memroy: 1' >> \"$1\"", "sh"]).arg(&conf);
    assert!(!append.stderr(Stdio::null()).status().unwrap().success());
    let why = printed(&mounted, &["why", "100"]);
    assert!(why.contains("--> 100.conf:4:1"), "{why}");
    // The shells' echo looks at errors of write(2) only: what no later line can mend is refused there.
    let two = "\n[one]\nmemory: 256\nsnaptime: 1\n";
    fs::write(&conf, format!("{GOOD}{two}")).unwrap();
    for line in ["memory: 1024", "onboot: 1"] {
        let mut append = Command::new("sh");
        append.args(["-c", "echo \"$2\" >> \"$1\"", "sh"]).arg(&conf).arg(line);
        assert!(!append.stderr(Stdio::null()).status().unwrap().success(), "{line}");
        let why = printed(&mounted, &["why", "100"]);
        assert!(why.contains("the snapshot `one`") && why.contains("--> 100.conf:8:1"), "{why}");
    }
    fs::write(&conf, GOOD).unwrap();
    assert!(failure(&mounted, 1, &["why", "101"]).contains("no save of 101 was refused"));
    assert_eq!(fs::read_to_string(&conf).unwrap(), GOOD);
}

#[test]
fn a_refused_revert_changes_nothing() {
    let mut mounted = Mounted::new();
    let conf = mounted.conf(100);
    mounted.stop();
    // Imported with a mistake, then mended: going back would bring the mistake in again.
    let source = mounted.scratch().join("source");
    let lxc = source.join(format!("nodes/{}/lxc", mounted.node));
    fs::create_dir_all(&lxc).unwrap();
    fs::write(lxc.join("100.conf"), "memroy: 512\n").unwrap();
    printed(&mounted, &["import", &source.to_string_lossy()]);
    mounted.start();
    assert_eq!(fs::read_to_string(&conf).unwrap(), "memroy: 512\n");
    fs::write(&conf, "memory: 512\n").unwrap();
    let error = failure(&mounted, 1, &["revert", "100"]);
    assert!(error.contains("did you mean `memory`?"), "{error}");
    assert_eq!(fs::read_to_string(&conf).unwrap(), "memory: 512\n");
    mounted.stop();
    let error = failure(&mounted, 1, &["revert", "100"]);
    assert!(error.contains("did you mean `memory`?"), "{error}");
    assert_eq!(printed(&mounted, &["show", "100"]), "memory: 512\n");
}

#[test]
fn status_tells_whether_it_is_served() {
    let mut mounted = Mounted::new();
    fs::write(mounted.conf(100), GOOD).unwrap();
    let status = printed(&mounted, &["status"]);
    assert!(status.contains("running, pid ") && !status.contains("not running"), "{status}");
    let json = printed(&mounted, &["status", "--output-format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["pid"].as_u64(), mounted.worker().map(|pid| pid.as_raw() as u64));
    assert_eq!(json["node"], mounted.node.as_str());
    mounted.stop();
    let output = pvefs(&mounted, &["status"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).contains("not running"), "{}", stdout(&output));
}

/// Every file below a directory with its content.
fn tree(top: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![top.to_owned()];
    while let Some(dir) = waiting.pop() {
        for item in fs::read_dir(dir).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(top).unwrap().to_string_lossy().into_owned();
                found.push((name, fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_tree_goes_out_and_comes_in_again() {
    let mut mounted = Mounted::new();
    fs::write(mounted.conf(100), GOOD).unwrap();
    fs::write(mounted.root.join("storage.cfg"), "dir: local\n\tpath /var/lib/vz\n").unwrap();
    fs::write(mounted.root.join("priv/secret"), "x").unwrap();
    let out = mounted.scratch().join("out");
    printed(&mounted, &["export", &out.to_string_lossy()]);
    let exported = tree(&out);
    let names: Vec<_> = exported.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["nodes/one/lxc/100.conf", "priv/secret", "storage.cfg"]);
    let error = failure(&mounted, 1, &["export", &out.to_string_lossy()]);
    assert!(error.contains("is not empty"), "{error}");

    // A mounted store is not written behind the daemon's back.
    let error = failure(&mounted, 1, &["import", &out.to_string_lossy()]);
    assert!(error.contains("in use by"), "{error}");
    mounted.stop();

    let second = Mounted::with().prepare();
    fs::create_dir_all(second.store.parent().unwrap()).unwrap();
    let dry = pvefs(&second, &["import", "--dry-run", &out.to_string_lossy()]);
    assert!(stderr(&dry).contains("would import 3 files"), "{}", stderr(&dry));
    printed(&second, &["import", &out.to_string_lossy()]);
    let again = pvefs(&second, &["import", &out.to_string_lossy()]);
    assert!(
        stderr(&again).contains("imported 0 files; 3 were there already"),
        "{}",
        stderr(&again)
    );
    fs::write(out.join("nodes/one/lxc/100.conf"), GOOD.replace("512", "600")).unwrap();
    let error = failure(&second, 1, &["import", &out.to_string_lossy()]);
    assert!(error.contains("1 files exist and differ: nodes/one/lxc/100.conf"), "{error}");
    printed(&second, &["import", "--force", &out.to_string_lossy()]);
    assert_eq!(printed(&second, &["show", "100"]), GOOD.replace("512", "600"));
    fs::create_dir_all(out.join("nodes/two/qemu-server")).unwrap();
    fs::write(out.join("nodes/two/qemu-server/100.conf"), "x: y\n").unwrap();
    let error = failure(&second, 1, &["import", &out.to_string_lossy()]);
    assert!(error.contains("guest 100 is there twice"), "{error}");
}

#[test]
fn the_database_of_a_proxmox_node_comes_in() {
    let mut mounted = Mounted::with().node("pve1").prepare();
    fs::create_dir_all(mounted.store.parent().unwrap()).unwrap();
    let database = mounted.scratch().join("config.db");
    let sql = format!(
        "CREATE TABLE tree (inode INTEGER PRIMARY KEY NOT NULL, parent INTEGER NOT NULL, version INTEGER NOT NULL,
           writer INTEGER NOT NULL, mtime INTEGER NOT NULL, type INTEGER NOT NULL, name TEXT NOT NULL, data BLOB);
         INSERT INTO tree VALUES (0, 0, 9, 0, 1700000000, 8, '__version__', NULL),
           (2, 0, 2, 0, 1700000000, 4, 'nodes', NULL), (3, 2, 3, 0, 1700000000, 4, 'pve1', NULL),
           (4, 3, 4, 0, 1700000000, 4, 'lxc', NULL), (5, 4, 9, 0, 1700000000, 8, '100.conf', CAST('{GOOD}' AS BLOB));"
    );
    let made = Command::new("sqlite3").arg(&database).arg(sql).status().expect("sqlite3");
    assert!(made.success());
    let before = fs::read(&database).unwrap();
    printed(&mounted, &["import", &database.to_string_lossy()]);
    assert_eq!(fs::read(&database).unwrap(), before);
    mounted.start();
    assert_eq!(fs::read_to_string(mounted.conf(100)).unwrap(), GOOD);
    let time = fs::metadata(mounted.conf(100)).unwrap().modified().unwrap();
    assert_eq!(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 1_700_000_000);
    mounted.stop();
    fs::write(&database, "no database").unwrap();
    failure(&mounted, 1, &["import", &database.to_string_lossy()]);
    assert_eq!(printed(&mounted, &["show", "100"]), GOOD);
}

#[test]
fn a_backup_made_while_mounted_can_be_restored() {
    let mut mounted = Mounted::new();
    fs::write(mounted.conf(100), GOOD).unwrap();
    let copy = mounted.scratch().join("copy.db");
    let copy = copy.to_string_lossy();
    printed(&mounted, &["backup", &copy]);
    fs::write(mounted.conf(100), GOOD.replace("512", "600")).unwrap();
    let error = failure(&mounted, 1, &["restore", &copy]);
    assert!(error.contains("in use by"), "{error}");
    mounted.stop();
    printed(&mounted, &["restore", &copy]);
    mounted.start();
    assert_eq!(fs::read_to_string(mounted.conf(100)).unwrap(), GOOD);
    assert_eq!(revisions(&mounted, "100").len(), 1);
    mounted.stop();
    // A backup that is not whole is not put in place.
    let half = fs::read(&*copy).unwrap();
    fs::write(&*copy, &half[..half.len() / 2]).unwrap();
    failure(&mounted, 1, &["restore", &copy]);
    assert_eq!(printed(&mounted, &["show", "100"]), GOOD);
}

#[test]
fn vim_jumps_to_the_mistake_after_a_refused_save() {
    let mounted = Mounted::new();
    fs::write(mounted.conf(100), GOOD).unwrap();
    let (vim, out) = (mounted.scratch().join("vim"), mounted.scratch().join("out"));
    printed_generate(&["generate", "vim", &vim.to_string_lossy()]);
    let script = mounted.scratch().join("script.vim");
    let commands = format!(
        "filetype on\nsyntax on\nedit {}\n2s/512/51x2/\nsilent! write\nsilent! make!\ncfirst\nredir! > {}\n\
         echo &filetype line('.') col('.') &modified\nredir END\nqa!\n",
        mounted.conf(100).display(),
        out.display()
    );
    fs::write(&script, commands).unwrap();
    let path = format!("{}:{}", programs().display(), std::env::var("PATH").unwrap_or_default());
    let status = Command::new("vim")
        .args(["-N", "-u", "NONE", "--cmd", &format!("set rtp^={}", vim.display()), "-es", "-S"])
        .arg(&script)
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("vim");
    assert!(status.success());
    assert_eq!(fs::read_to_string(out).unwrap().trim(), "pveconf 2 9 1");
    assert_eq!(fs::read_to_string(mounted.conf(100)).unwrap(), GOOD);
}

fn printed_generate(args: &[&str]) {
    let output = Command::new(programs().join("pvefs")).args(args).output().expect("pvefs");
    assert!(output.status.success(), "{}", stderr(&output));
}
