//! The console: its log, and who is connected.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Stdio;

use crate::support::{Host, eventually};

#[test]
fn the_log_keeps_what_the_guest_prints() {
    let Some(host) = Host::new() else { return };
    let id = host.container("entrypoint: /bin/sh -c \"echo first words; tty; sleep 1000\"\n");
    host.start(id);
    let log = host.path().join(format!("log/{id}.console.log"));
    eventually("printed", || fs::read_to_string(&log).unwrap_or_default().contains("/dev/console"));
    assert!(fs::read_to_string(&log).unwrap().starts_with("first words"));
    host.stop(id);
}

#[test]
fn the_log_stays_small() {
    let Some(host) = Host::new() else { return };
    let id = host.container("entrypoint: /bin/sh -c \"yes 0123456789abcdef | head -c 3000000; echo the end; sleep 1000\"\n");
    host.start(id);
    let log = host.path().join(format!("log/{id}.console.log"));
    eventually("printed", || fs::read_to_string(&log).unwrap_or_default().contains("the end"));
    let size: u64 = fs::read_dir(host.path().join("log"))
        .unwrap()
        .flatten()
        .map(|e| e.metadata().unwrap().len())
        .sum();
    assert!(size < 600_000, "{size}");
    host.stop(id);
}

#[test]
fn somebody_types_at_the_console() {
    let Some(host) = Host::new() else { return };
    let id = host.container("entrypoint: /bin/sh\n");
    host.start(id);
    let mut console = host
        .command(&["console", &id.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = console.stdin.take().unwrap();
    stdin.write_all(b"echo $((6 * 7))\n").unwrap();
    let mut seen = String::new();
    let mut stdout = console.stdout.take().unwrap();
    let mut buffer = [0; 256];
    while !seen.contains("\n42") {
        let n = stdout.read(&mut buffer).unwrap();
        assert_ne!(n, 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
    }
    let said = host.ctrun(&["console", &id.to_string()]);
    assert!(said.code != 0 && said.err.contains("connected to it already"), "{}", said.err);
    // Ctrl-A q leaves; the container stays.
    stdin.write_all(b"\x01q").unwrap();
    assert!(console.wait().unwrap().success());
    assert_eq!(host.sh(id, "echo alive").out, "alive\n");
    let said = host.ctrun(&["console", "--tty", "7", &id.to_string()]);
    assert!(said.code != 0 && said.err.contains("no tty7"), "{}", said.err);
    host.stop(id);
}

#[test]
fn ttys_are_where_init_looks_for_them() {
    let Some(host) = Host::new() else { return };
    let id = host.container("tty: 3\nconsole: 0\nunprivileged: 1\n");
    host.start(id);
    let said = host.sh(id, "ls /dev/tty[0-9]* | xargs; test -e /dev/console || echo none; test -c /dev/tty3 && echo x >/dev/tty3; tr '\\0' '\\n' </proc/1/environ | grep container_ttys");
    assert_eq!(
        said.out, "/dev/tty1 /dev/tty2 /dev/tty3\nnone\ncontainer_ttys=pts/0 pts/1 pts/2\n",
        "{}",
        said.err
    );
    host.stop(id);
}
