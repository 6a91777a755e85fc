//! A real Debian with systemd boots, and obeys.

use std::time::{Duration, Instant};

use crate::support::{Host, debian, eventually, netns::NetNs};

fn boots(config: &str) {
    let Some(mut host) = Host::new() else { return };
    let Some(root) = debian::root(host.path()) else { return };
    let netns = NetNs::new();
    netns.ip("link add br0 type bridge");
    netns.ip("addr add 10.6.0.1/24 dev br0");
    netns.ip("link set br0 up");
    host.netns = Some(netns);
    let id = host.id();
    host.write_config(
        id,
        &format!(
            "rootfs: {}\nmemory: 512\nswap: 0\nnet0: name=eth0,bridge=br0,host-managed=1,ip=10.6.0.2/24,gw=10.6.0.1\n{config}",
            root.display()
        ),
    );
    let text = id.to_string();
    host.start(id);
    let running = |host: &Host| {
        let begun = Instant::now();
        loop {
            let said = host.sh(id, "systemctl is-system-running");
            if said.out.trim() == "running" {
                return;
            }
            if said.out.trim() == "degraded" || begun.elapsed() > Duration::from_secs(40) {
                let failed = host.sh(id, "systemctl --failed; systemctl list-jobs").out;
                panic!("{}{}\n{failed}", said.out, said.err);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    running(&host);
    let said = host.sh(id, "systemctl is-active multi-user.target console-getty container-getty@1 container-getty@2 | sort -u; ping -c1 -w3 10.6.0.1 >/dev/null && echo net");
    assert_eq!(said.out, "active\nnet\n", "{}", said.err);
    // systemd-run: a service with its own group and sandbox.
    let said = host.sh(id, "systemd-run --wait -q -p PrivateTmp=yes -p ProtectSystem=strict -p MemoryMax=64M -p TasksMax=5 /bin/true; echo $?");
    assert_eq!(said.out, "0\n", "{}", said.err);
    let init = host.init(id);
    host.sh(id, "systemctl reboot");
    eventually("another life", || {
        let state = host.ok(&["state", &text]);
        state.contains("pid: ") && !state.contains(&format!("pid: {init}\n"))
    });
    running(&host);
    let begun = Instant::now();
    host.ok(&["shutdown", "--timeout", "20", &text]);
    assert!(begun.elapsed() < Duration::from_secs(10), "a clean shutdown");
    host.assert_nothing_left();
}

#[test]
fn debian_privileged() {
    boots("");
}

#[test]
fn debian_unprivileged() {
    boots("unprivileged: 1\n");
}

#[test]
fn debian_unprivileged_nesting() {
    boots("unprivileged: 1\nfeatures: nesting=1\n");
}
