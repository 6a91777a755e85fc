//! Start, run, exec, state, kill, shutdown, reboot, freeze.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::{Host, eventually};

const BOTH: [&str; 2] = ["", "unprivileged: 1\n"];

#[test]
fn starts_executes_and_stops() {
    let Some(host) = Host::new() else { return };
    for config in BOTH {
        let id = host.container(&format!("hostname: box\n{config}"));
        host.start(id);
        let said = host.sh(id, "id -u; hostname; cat /proc/1/comm; echo $container");
        assert_eq!(said.out, "0\nbox\ninit\nlxc\n", "{}", said.err);
        assert!(host.ok(&["list"]).contains(&format!("{id}  running")), "{}", host.ok(&["list"]));
        let json = host.ok(&["state", "--json", &id.to_string()]);
        assert!(json.contains("\"state\":\"running\""), "{json}");
        host.stop(id);
        assert_eq!(host.ok(&["state", &id.to_string()]), "state: stopped\n");
        host.assert_nothing_left();
    }
}

#[test]
fn run_gives_output_and_exit_status() {
    let Some(host) = Host::new() else { return };
    for config in BOTH {
        let id = host.container(config).to_string();
        let said = host.ctrun(&["run", &id, "--", "/bin/sh", "-c", "echo hello; exit 7"]);
        assert_eq!((said.code, said.out.trim_end()), (7, "hello"), "{}", said.err);
        // An init that ends at once must not lose its last words, nor leave anybody waiting.
        for _ in 0..20 {
            let said = host.ctrun(&["run", &id, "--", "/bin/echo", "quick"]);
            assert_eq!((said.code, said.out.trim_end()), (0, "quick"), "{}", said.err);
        }
        host.assert_nothing_left();
    }
}

#[test]
fn run_loses_nothing_of_much() {
    let Some(host) = Host::new() else { return };
    let id = host.container("").to_string();
    let said =
        host.ctrun(&["run", &id, "--", "/bin/sh", "-c", "yes 0123456 | head -n 100000; echo end"]);
    // The terminal makes two characters of each end of line.
    assert_eq!(said.out.len(), 100_000 * 9 + 5);
    assert!(said.out.ends_with("end\r\n"));
}

#[test]
fn exec_passes_on_status_and_environment() {
    let Some(host) = Host::new() else { return };
    let id = host.container("unprivileged: 1\nlxc.environment.runtime: COLOUR=light blue\n");
    host.start(id);
    assert_eq!(host.sh(id, "exit 3").code, 3);
    assert_eq!(host.sh(id, "kill -9 $$").code, 128 + 9);
    assert_eq!(host.sh(id, "echo $COLOUR").out, "light blue\n");
    let said = host.ctrun(&["exec", &id.to_string(), "--", "/no/such"]);
    assert_ne!(said.code, 0);
    assert!(said.err.contains("/no/such"), "{}", said.err);
    host.stop(id);
}

#[test]
fn kill_sends_signals_by_name() {
    let Some(host) = Host::new() else { return };
    let id = host
        .container("entrypoint: /bin/sh -c \"trap 'exit 0' USR1; while :; do sleep 0.1; done\"\n");
    host.start(id);
    std::thread::sleep(Duration::from_millis(200));
    host.ok(&["kill", &id.to_string(), "SIGUSR1"]);
    host.assert_nothing_left();
    let said = host.ctrun(&["kill", &id.to_string(), "NOTHING"]);
    assert!(said.err.contains("NOTHING"), "{}", said.err);
}

#[test]
fn busybox_init_shuts_down_and_reboots() {
    let Some(host) = Host::new() else { return };
    for config in BOTH {
        let id = host.container(config);
        host.start(id);
        let first = host.init(id);
        host.ok(&["reboot", "--timeout", "10", &id.to_string()]);
        eventually("running again", || host.ctrun(&["exec", &id.to_string(), "true"]).code == 0);
        assert_ne!(host.init(id), first);
        let begun = Instant::now();
        host.ok(&["shutdown", "--timeout", "10", &id.to_string()]);
        assert!(begun.elapsed() < Duration::from_secs(5), "it obeyed");
        host.assert_nothing_left();
    }
}

#[test]
fn a_reboot_from_inside_reads_the_file_again() {
    let Some(host) = Host::new() else { return };
    let id = host.container("hostname: before\n");
    host.start(id);
    let path = host.path().join(format!("pve/lxc/{id}.conf"));
    let text = fs::read_to_string(&path).unwrap().replace("before", "after");
    fs::write(&path, text).unwrap();
    assert_eq!(host.sh(id, "hostname").out, "before\n");
    host.sh(id, "reboot");
    eventually("the new name", || host.sh(id, "hostname").out == "after\n");
    host.sh(id, "halt");
    host.assert_nothing_left();
}

#[test]
fn a_stubborn_init_is_not_killed_unless_asked() {
    let Some(host) = Host::new() else { return };
    let id = host.container("entrypoint: /bin/sleep 1000\n").to_string();
    host.ok(&["start", &id]);
    let said = host.ctrun(&["shutdown", "--timeout", "1", &id]);
    assert!(said.code != 0 && said.err.contains("did not shut down within 1 s"), "{}", said.err);
    host.ok(&["shutdown", "--timeout", "1", "--force-stop", &id]);
    host.assert_nothing_left();
}

#[test]
fn frozen_means_frozen() {
    let Some(host) = Host::new() else { return };
    let id = host.container(
        "entrypoint: /bin/sh -c \"while :; do echo x >>/tmp/ticks; sleep 0.02; done\"\n",
    );
    let ticks = host.root_of(id).join("tmp/ticks");
    let count = || fs::metadata(&ticks).map_or(0, |m| m.len());
    host.start(id);
    eventually("ticking", || count() > 4);
    host.ok(&["freeze", &id.to_string()]);
    assert!(host.ok(&["state", &id.to_string()]).contains("state: frozen"));
    let then = count();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(count(), then);
    host.ok(&["thaw", &id.to_string()]);
    eventually("ticking again", || count() > then);
    // A frozen container can be stopped, too.
    host.ok(&["freeze", &id.to_string()]);
    host.stop(id);
    host.assert_nothing_left();
}

#[test]
fn one_container_runs_once() {
    let Some(host) = Host::new() else { return };
    let id = host.container("");
    host.start(id);
    let said = host.ctrun(&["start", &id.to_string()]);
    assert!(said.code != 0 && said.err.contains("running already"), "{}", said.err);
    assert_eq!(host.sh(id, "echo alive").out, "alive\n");
    host.stop(id);
    let said = host.ctrun(&["stop", &id.to_string()]);
    assert!(said.code != 0 && said.err.contains("is not running"), "{}", said.err);
}
