//! Limits bite, inside, and the host does not notice.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Host, eventually, skip};

#[test]
fn a_memory_hog_dies_inside() {
    let Some(host) = Host::new() else { return };
    for config in ["", "unprivileged: 1\n"] {
        let id = host.container(&format!("memory: 32\n{config}"));
        host.start(id);
        // tail keeps the only line there is, which has no end.
        let said = host.sh(id, "tail /dev/zero; echo status $?");
        assert_eq!(said.out, "status 137\n", "{}", said.err);
        assert_eq!(host.sh(id, "echo alive").out, "alive\n");
        assert_eq!(host.sh(id, "head -c 8m /dev/zero | tail -c 8m | wc -c").out, "8388608\n");
        host.stop(id);
    }
}

#[test]
fn a_fork_bomb_stays_in() {
    let Some(host) = Host::new() else { return };
    let id = host.container("unprivileged: 1\nlxc.cgroup2.pids.max: 60\n");
    host.start(id);
    let Some(group) = host.group("pids", id) else {
        return skip("the pids controller is not at /sys/fs/cgroup/pids");
    };
    let current = group.join("pids.current");
    let bomb = "b() { b | b & }; b; sleep 1";
    let bomb = &["exec", &id.to_string(), "--", "/bin/sh", "-c", bomb];
    let mut child = host.command(bomb).stderr(Stdio::null()).spawn().unwrap();
    let count = || fs::read_to_string(&current).unwrap().trim().parse::<u32>().unwrap();
    let mut most = 0;
    for _ in 0..50 {
        most = most.max(count());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!((30..=60).contains(&most), "{most} processes at most");
    host.stop(id);
    child.wait().unwrap();
    host.assert_nothing_left();
}

#[test]
fn every_container_has_a_limit_of_processes() {
    let Some(host) = Host::new() else { return };
    let id = host.container("");
    host.start(id);
    let Some(group) = host.group("pids", id) else {
        return skip("no pids controller of version 1");
    };
    assert_ne!(fs::read_to_string(group.join("pids.max")).unwrap().trim(), "max");
    host.stop(id);
}

#[test]
fn processor_time_is_limited() {
    let Some(host) = Host::new() else { return };
    let id = host.container("cpulimit: 0.2\n");
    if fs::metadata("/sys/fs/cgroup/cpuacct").is_err() {
        return skip("no cpuacct controller of version 1");
    }
    host.start(id);
    let usage = host.group("cpuacct", id).unwrap().join("cpuacct.usage");
    let used = || fs::read_to_string(&usage).unwrap().trim().parse::<u64>().unwrap();
    let mut burner = host
        .command(&["exec", &id.to_string(), "--", "/bin/sh", "-c", "while :; do :; done"])
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let (before, begun) = (used(), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let share = (used() - before) as f64 / begun.elapsed().as_nanos() as f64;
    host.stop(id);
    burner.wait().unwrap();
    // Less, where the machine is busy; never much more.
    assert!(share < 0.27, "{share:.2} processors");
    assert!(share > 0.05, "{share:.2} processors: it did not run");
}

#[test]
fn cores_and_units() {
    let Some(host) = Host::new() else { return };
    let id = host.container("cores: 1\ncpuunits: 321\n");
    host.start(id);
    assert_eq!(host.sh(id, "nproc").out, "1\n");
    if let Some(group) = host.group("cpu", id) {
        assert_eq!(fs::read_to_string(group.join("cpu.shares")).unwrap().trim(), "321");
    }
    host.stop(id);
}

#[test]
fn limits_are_out_of_the_guests_reach() {
    let Some(host) = Host::new() else { return };
    if host.container("") == 0 || fs::metadata("/sys/fs/cgroup/memory/tasks").is_err() {
        return skip("no memory controller of version 1");
    }
    for config in ["", "unprivileged: 1\n"] {
        let id = host.container(&format!("memory: 32\n{config}"));
        host.start(id);
        let limit = host.group("memory", id).unwrap().join("memory.limit_in_bytes");
        let said = host.sh(
            id,
            "mkdir /tmp/m && mount -t cgroup -o memory m /tmp/m && \
             echo -1 >/tmp/m/memory.limit_in_bytes; echo 0 >/tmp/m/../memory.limit_in_bytes; \
             for d in /tmp/m /tmp/m/.. ; do echo $$ >$d/cgroup.procs; done; cat /proc/self/cgroup | grep memory",
        );
        assert_eq!(fs::read_to_string(&limit).unwrap().trim(), (32 << 20).to_string());
        assert!(said.out.trim_end().ends_with(":memory:/"), "{}{}", said.out, said.err);
        // What the guest has set on its own root does not lift ours.
        assert_eq!(host.sh(id, "tail /dev/zero; echo status $?").out, "status 137\n");
        host.stop(id);
    }
}

#[test]
fn devices_that_are_not_allowed() {
    let Some(host) = Host::new() else { return };
    let id = host.container("");
    host.start(id);
    let said = host.sh(id, "mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem");
    assert!(said.code != 0 && said.err.contains("Operation not permitted"), "{}", said.err);
    assert_eq!(
        host.sh(id, "head -c 3 /dev/zero | wc -c; echo x >/dev/null && echo ok").out,
        "3\nok\n"
    );
    host.stop(id);
    let id =
        host.container("unprivileged: 1\ndev0: /dev/loop-control,mode=0600,uid=7,deny-write=1\n");
    if fs::metadata("/dev/loop-control").is_err() {
        return skip("no /dev/loop-control to pass on");
    }
    host.start(id);
    let said = host.sh(id, "stat -c '%u %a' /dev/loop-control; true </dev/loop-control && echo read; true >/dev/loop-control || echo no");
    assert_eq!(said.out, "7 600\nread\nno\n", "{}", said.err);
    host.stop(id);
}

#[test]
fn resource_limits_of_processes() {
    let Some(host) = Host::new() else { return };
    let id = host.container("lxc.prlimit.nofile: 100:200\nlxc.prlimit.core: 0\n");
    host.start(id);
    let limits = host.sh(id, "cat /proc/1/limits").out;
    let line = limits.lines().find(|l| l.starts_with("Max open files")).unwrap();
    assert!(line.contains(" 100 ") && line.contains(" 200 "), "{line}");
    host.stop(id);
    eventually("gone", || host.left_behind().is_empty());
}
