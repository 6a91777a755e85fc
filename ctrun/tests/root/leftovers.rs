//! Nothing is left, whatever happens; and many rounds leak nothing.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use crate::support::{Host, eventually};

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn init_killed_from_outside() {
    let Some(host) = Host::new() else { return };
    let id = host.container("unprivileged: 1\n");
    host.start(id);
    kill(host.init(id));
    host.assert_nothing_left();
}

#[test]
fn supervisor_killed() {
    let Some(host) = Host::new() else { return };
    for config in ["", "unprivileged: 1\n"] {
        let id = host.container(config);
        host.start(id);
        kill(host.supervisor(id));
        let text = id.to_string();
        eventually("gone", || host.ok(&["state", &text]).contains("supervised: false"));
        // The container lives on and can be used.
        assert_eq!(host.sh(id, "echo alive").out, "alive\n");
        let said = host.ctrun(&["delete", &text]);
        assert!(said.code != 0 && said.err.contains("is running"), "{}", said.err);
        host.stop(id);
        host.assert_nothing_left();
        host.start(id);
        kill(host.supervisor(id));
        kill(host.init(id));
        eventually("left over", || host.ok(&["state", &text]).contains("left over"));
        host.ok(&["delete", &text]);
        host.assert_nothing_left();
        // A start removes what is left, too.
        host.start(id);
        kill(host.supervisor(id));
        kill(host.init(id));
        eventually("left over", || host.ok(&["state", &text]).contains("left over"));
        host.start(id);
        assert_eq!(host.sh(id, "echo alive").out, "alive\n");
        host.stop(id);
    }
}

#[test]
fn a_container_is_taken_over() {
    let Some(host) = Host::new() else { return };
    for config in ["", "unprivileged: 1\n"] {
        // What runs on the console opens it anew each time, as a getty does.
        let id = host.container(config);
        let root = host.root_of(id);
        fs::write(root.join("etc/inittab"), "console::respawn:/bin/sh /etc/talk\n").unwrap();
        fs::write(root.join("etc/talk"), "echo ready; read line; echo got $line\n").unwrap();
        host.start(id);
        let init = host.init(id);
        let old = host.supervisor(id);
        kill(old);
        let text = id.to_string();
        eventually("gone", || host.ok(&["state", &text]).contains("supervised: false"));
        let said = host.ctrun(&["start", &text]);
        assert!(said.code == 0 && said.err.contains("has one again"), "{}", said.err);
        assert_eq!(host.init(id), init, "it is the same container");
        assert_ne!(host.supervisor(id), old);
        // The console works again.
        let mut console = host
            .command(&["console", &text])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = host.path().join(format!("log/{id}.console.log"));
        let mut stdin = console.stdin.take().unwrap();
        eventually("an answer", || {
            stdin.write_all(b"hello\n").unwrap();
            fs::read_to_string(&log).unwrap_or_default().contains("got hello")
        });
        stdin.write_all(b"\x01q").unwrap();
        console.wait().unwrap();
        host.stop(id);
        host.assert_nothing_left();
    }
}

#[test]
fn processes_that_init_leaves_behind() {
    let Some(host) = Host::new() else { return };
    let id = host.container(
        "entrypoint: /bin/sh -c \"for i in 1 2 3 4; do setsid sleep 1000 & done; sleep 0.1\"\n",
    );
    host.start(id);
    host.assert_nothing_left();
}

#[test]
fn groups_that_the_guest_has_made() {
    let Some(host) = Host::new() else { return };
    if host.container("") == 0 || !std::path::Path::new("/sys/fs/cgroup/freezer").exists() {
        return crate::support::skip("needs a cgroup v1 hierarchy to be mounted inside");
    }
    let id = host.container("");
    host.start(id);
    let said = host.sh(
        id,
        "mkdir /tmp/c && mount -t cgroup -o freezer c /tmp/c && mkdir -p /tmp/c/a/b/c && ls /tmp/c",
    );
    assert_eq!(said.code, 0, "{}", said.err);
    host.stop(id);
    host.assert_nothing_left();
}

#[test]
fn many_rounds_leak_nothing() {
    let Some(host) = Host::new() else { return };
    let id = host.container("unprivileged: 1\n");
    for _ in 0..50 {
        host.start(id);
        host.stop(id);
    }
    host.assert_nothing_left();
    // One supervisor through many lives: its descriptors and memory stay what they were.
    host.start(id);
    let supervisor = host.supervisor(id);
    let measure = || {
        let fds = fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().count();
        let status = fs::read_to_string(format!("/proc/{supervisor}/status")).unwrap();
        let rss: u64 = status
            .lines()
            .find_map(|l| l.strip_prefix("RssAnon:"))
            .and_then(|l| l.trim().trim_end_matches(" kB").parse().ok())
            .unwrap();
        (fds, rss)
    };
    assert_eq!(host.sh(id, "echo alive").out, "alive\n");
    let before = measure();
    for _ in 0..30 {
        let init = host.init(id);
        host.ok(&["reboot", "--timeout", "0", &id.to_string()]);
        eventually("another life", || {
            host.ok(&["state", &id.to_string()]).contains("pid: ") && host.init(id) != init
        });
    }
    assert_eq!(host.supervisor(id), supervisor);
    eventually("as many descriptors as before", || measure().0 == before.0);
    let after = measure();
    assert!(after.1 <= before.1 + 200, "memory grew from {} to {} KiB", before.1, after.1);
    assert!(after.0 <= 20, "{} descriptors", after.0);
    host.stop(id);
}
