//! Ways out of a container that have worked elsewhere, each tried from inside as root.
//!
//! Each says what it tries; what stops it is asserted. For a privileged container, whose root is the host's, the promise
//! is smaller, and only what it covers is tried on it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Stdio;

use crate::support::{Host, eventually, install, skip};

const BOTH: [&str; 2] = ["", "unprivileged: 1\n"];

/// Runs a line of Perl inside, which can make any system call. `None` where there is no Perl on this host.
fn perl(host: &Host, id: u32, script: &str) -> Option<String> {
    if !host.root_of(id).join("usr/bin/perl").exists() {
        if fs::metadata("/usr/bin/perl").is_err() {
            skip("needs /usr/bin/perl");
            return None;
        }
        install("/usr/bin/perl", &host.root_of(id));
    }
    let said = host.ctrun(&["exec", &id.to_string(), "--", "/usr/bin/perl", "-e", script]);
    Some(format!("{}{}", said.out, said.err))
}

/// Processes of the host that run `program`.
fn running(program: &Path) -> Vec<i32> {
    let file = |m: fs::Metadata| (m.dev(), m.ino());
    let wanted = file(fs::metadata(program).unwrap());
    let runs =
        |pid: &i32| fs::metadata(format!("/proc/{pid}/exe")).is_ok_and(|m| file(m) == wanted);
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|e| e.file_name().to_str()?.parse().ok()).filter(runs).collect()
}

/// Tries: writing to the runtime's program, which shows as `/proc/<pid>/exe` of what it executes (CVE-2019-5736).
/// Stops it: the program runs from a read-only mount that is attached nowhere, and so can not be made writable.
#[test]
fn overwriting_the_runtime() {
    let Some(mut host) = Host::new() else { return };
    // A copy, of which we can tell that nobody runs it any more: until then the kernel refuses to write to it anyway.
    let program = host.path().join("ctrun");
    fs::copy(env!("CARGO_BIN_EXE_ctrun"), &program).unwrap();
    let before = fs::read(&program).unwrap();
    host.program = Some(program.clone());
    for config in BOTH {
        let id = host.container(config);
        install(env!("CARGO_BIN_EXE_ctrun"), &host.root_of(id));
        host.start(id);
        if perl(&host, id, "1").is_none() {
            return;
        }
        // The guest has itself executed what executes it, and has that wait for a settings file that never comes.
        host.sh(id, "mkfifo /tmp/fifo");
        let text = id.to_string();
        let held = &["exec", &text, "--", "/proc/self/exe", "--settings", "/tmp/fifo", "list"];
        let mut held = host.command(held).stderr(Stdio::null()).spawn().unwrap();
        let script = r#"
            open(STDOUT, ">", "/tmp/new"); $| = 1;
            sub nap { select undef, undef, undef, 0.05 }
            for (1 .. 100) {
                opendir(D, "/proc");
                for my $p (map { "/proc/$_" } grep /^\d/, readdir D) {
                    open(my $c, "<", "$p/cmdline") or next;
                    <$c> =~ m{^/proc/self/exe\0--settings} or next;
                    open(E, "<", "$p/exe") or die;
                    my $t = "/proc/self/fd/" . fileno(E);
                    kill 9, $p =~ /(\d+)/;
                    open(F, ">", "/tmp/found");
                    nap until -e "/tmp/go";
                    open(W, ">>", $t) and print "wrote\n"; print $! + 0, "\n";
                    my ($n, $o) = ("none", ""); print syscall(165, $n, $t, $o, 0x1020, 0), " ", $! + 0, "\n";
                    open(W, ">>", $t) and print "wrote\n"; print $! + 0, "\n";
                    rename "/tmp/new", "/tmp/said";
                    exit;
                }
                nap;
            }"#;
        let attack = &["exec", &text, "--", "/usr/bin/perl", "-e", script];
        let mut attack = host.command(attack).spawn().unwrap();
        let tmp = host.root_of(id).join("tmp");
        eventually("found", || tmp.join("found").exists());
        held.wait().unwrap();
        for pid in running(&program) {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        eventually("nobody runs it", || running(&program).is_empty());
        fs::write(tmp.join("go"), "").unwrap();
        attack.wait().unwrap();
        eventually("attacked", || tmp.join("said").exists());
        // EROFS, and the mount is in no namespace, so EINVAL; a user namespace is not even the file's owner: EACCES.
        let said = fs::read_to_string(tmp.join("said")).unwrap();
        let wanted = if config.is_empty() { "30\n-1 22\n30\n" } else { "13\n-1 22\n13\n" };
        assert_eq!(said, wanted);
        assert_eq!(fs::read(&program).unwrap(), before, "the program has changed");
        host.stop(id);
    }
}

/// Tries: finding descriptors that the runtime or its caller left open (CVE-2016-9962, CVE-2024-21626).
/// Stops it: all are closed at the start of the supervisor and marked to be closed before any execve.
#[test]
fn descriptors_left_open() {
    let Some(host) = Host::new() else { return };
    for config in BOTH {
        let id = host.container(&format!("{config}entrypoint: /bin/sh -c \"ls -l /proc/self/fd >/tmp/fds; pwd >/tmp/cwd; sleep 1000\"\n"));
        // A caller with descriptors open on the host's directories, which are inherited.
        let start = host.command(&["start", &id.to_string()]);
        let line = format!("exec 7</etc 8</ 9>/dev/shm/x{id}; cd /etc; exec \"$0\" \"$@\"");
        let status = std::process::Command::new("sh")
            .args(["-c", &line])
            .arg(start.get_program())
            .args(start.get_args())
            .status()
            .unwrap();
        let _ = fs::remove_file(format!("/dev/shm/x{id}"));
        assert!(status.success());
        let tmp = host.root_of(id).join("tmp");
        eventually("listed", || tmp.join("cwd").metadata().is_ok_and(|m| m.len() > 0));
        let fds = fs::read_to_string(tmp.join("fds")).unwrap();
        let open: Vec<&str> = fds.lines().filter_map(|l| l.split(" -> ").nth(1)).collect();
        assert_eq!(open.iter().filter(|t| **t == "/dev/console").count(), 2, "{fds}");
        assert!(
            open.iter()
                .all(|t| ["/dev/console", "/tmp/fds"].contains(t) || t.starts_with("/proc/")),
            "{fds}"
        );
        assert_eq!(fs::read_to_string(tmp.join("cwd")).unwrap(), "/\n");
        let exec = host.command(&[
            "exec",
            &id.to_string(),
            "--",
            "/bin/sh",
            "-c",
            "pwd; for f in /proc/self/fd/*; do readlink $f; done",
        ]);
        let said = std::process::Command::new("sh")
            .args(["-c", "exec 7</etc 8</; cd /etc; exec \"$0\" \"$@\" </dev/null 2>/dev/null"])
            .arg(exec.get_program())
            .args(exec.get_args())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.starts_with("/\n"), "{said}");
        assert!(
            !said.contains("/etc") && said.lines().all(|l| l != "/" || said.starts_with("/\n")),
            "{said}"
        );
        assert!(said.lines().skip(1).all(|l| l != "/"), "{said}");
        host.stop(id);
    }
}

/// Tries: making the kernel run a program on the host by writing to `/proc` and `/sys`.
/// Stops it: both are read-only where they concern the whole machine; unprivileged also after remounting what can be.
#[test]
fn kernel_helpers() {
    let Some(host) = Host::new() else { return };
    let files = [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/vm/panic_on_oom",
        "/proc/sysrq-trigger",
        "/sys/kernel/uevent_helper",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/proc/sys/fs/binfmt_misc/register",
    ];
    for config in BOTH {
        let id = host.container(config);
        host.start(id);
        for file in files.iter().filter(|f| fs::metadata(f).is_ok()) {
            let before = fs::read(file).ok();
            let said = host.sh(id, &format!("cat {file} >/tmp/v 2>/dev/null; cat /tmp/v >{file}"));
            assert_ne!(said.code, 0, "{file} can be written to");
            assert_eq!(fs::read(file).ok(), before);
        }
        host.stop(id);
    }
    let id = host.container("unprivileged: 1\n");
    host.start(id);
    let said = host.sh(
        id,
        "mount -o remount,rw /proc/sys; mount -o remount,rw /sys; umount /proc/sys; umount /proc/sys; \
         mkdir /tmp/p; mount -t proc p /tmp/p; \
         for f in /proc/sys/kernel/core_pattern /tmp/p/sys/kernel/core_pattern; do echo '|/x' >$f && echo wrote $f; done; true",
    );
    assert!(!said.out.contains("wrote"), "{}{}", said.out, said.err);
    assert!(!fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap().contains("|/x"));
    host.stop(id);
}

/// Tries: the release agent of cgroup v1, which the kernel runs as root of the host (CVE-2022-0492).
/// Stops it: the guest's cgroup namespace does not show the root group, and below it there is no such file.
#[test]
fn release_agent() {
    let Some(host) = Host::new() else { return };
    for config in BOTH {
        let id = host.container(config);
        host.start(id);
        let said = host.sh(
            id,
            "cd /tmp; for c in freezer cpuset memory pids devices; do mkdir $c; mount -t cgroup -o $c $c $c || continue; \
             ls $c/release_agent && echo '/x' >$c/release_agent && echo wrote; done; true",
        );
        assert!(!said.out.contains("wrote"), "{}{}", said.out, said.err);
        host.stop(id);
    }
}

/// Tries: the host's disks, by a node made inside, by one found on a volume, and by mounting.
/// Stops it: the device filter; unprivileged also the kernel, which makes no nodes there, and `nodev`.
#[test]
fn raw_disks() {
    let Some(host) = Host::new() else { return };
    for config in BOTH {
        let id = host.container(config);
        // A node that was in the root before; number 1:0 is a RAM disk, 7:0 a loop device, 1:1 the memory.
        for (name, kind, number) in [("found", "b", ["7", "0"]), ("mem", "c", ["1", "1"])] {
            let path = host.root_of(id).join(name);
            let status = std::process::Command::new("mknod")
                .arg("-m666")
                .arg(path)
                .arg(kind)
                .args(number)
                .status();
            assert!(status.unwrap().success());
        }
        host.start(id);
        let said = host.sh(
            id,
            "cd /tmp; for n in /found /mem; do head -c1 $n && echo opened $n; done; \
             mknod b b 7 0 && head -c1 b && echo opened b; mkdir m; mount -t ext4 b m && echo mounted; mount -t ext4 /found m && echo mounted; true",
        );
        assert!(!said.out.contains("opened") && !said.out.contains("mounted"), "{}", said.out);
        host.stop(id);
    }
}

/// Tries: system calls that reach past the container: modules, another kernel, files by handle, keyrings.
/// Stops it: the filter, in 64-bit and in 32-bit form; a session keyring of the container's own.
#[test]
fn system_calls() {
    let Some(host) = Host::new() else { return };
    if !cfg!(target_arch = "x86_64") {
        return skip("knows the numbers of x86_64 only");
    }
    for config in BOTH {
        let id = host.container(config);
        host.start(id);
        // open_by_handle_at, init_module, finit_module, delete_module, kexec_load, kexec_file_load
        for call in [304, 175, 313, 176, 246, 320] {
            let script = format!("my $r = syscall({call}, 0, 0, 0, 0, 0, 0); print \"$r \", $!+0");
            let Some(said) = perl(&host, id, &script) else { return };
            assert_eq!(said, "-1 1", "call {call} (EPERM wanted)");
        }
        if config.is_empty() {
            host.stop(id);
            continue;
        }
        // keyctl(KEYCTL_GET_KEYRING_ID, ...) is not there; socket(AF_ALG) is refused.
        assert_eq!(perl(&host, id, "syscall(250, 0, -3, 0); print $!+0").unwrap(), "38");
        assert_eq!(perl(&host, id, "syscall(41, 38, 5, 0); print $!+0").unwrap(), "97");
        host.stop(id);
    }
}

/// Tries: seeing, tracing and signalling processes of the host.
/// Stops it: the pid namespace.
#[test]
fn processes_of_the_host() {
    let Some(host) = Host::new() else { return };
    for config in BOTH {
        let id = host.container(config);
        host.start(id);
        let own = std::process::id();
        let pids = host.sh(id, "ls -d /proc/[0-9]*").out;
        assert!(pids.lines().count() < 10, "{pids}");
        let said = host.sh(
            id,
            &format!(
                "kill -0 {own} && echo reached; kill -0 {} && echo reached",
                host.supervisor(id)
            ),
        );
        assert!(!said.out.contains("reached"), "{}", said.out);
        host.stop(id);
    }
}

/// Tries: typing into the terminal of whoever runs `exec` (CVE-2016-10124), here from a program that was left behind.
/// Stops it: the program gets a terminal of the container's own.
#[test]
fn typing_into_the_callers_terminal() {
    let Some(host) = Host::new() else { return };
    let id = host.container("unprivileged: 1\n");
    host.start(id);
    if fs::metadata("/usr/bin/script").is_err() {
        return skip("needs script(1)");
    }
    let exec = host.command(&[
        "exec",
        &id.to_string(),
        "--",
        "/bin/sh",
        "-c",
        "tty; ls -l /proc/self/fd/0",
    ]);
    let mut line = format!("'{}'", exec.get_program().to_str().unwrap());
    for arg in exec.get_args() {
        line.push_str(&format!(" '{}'", arg.to_str().unwrap()));
    }
    let said = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("/dev/pts/"), "{said}");
    // It is one of the container's: there are the console, two ttys, and this.
    assert!(said.contains("/dev/pts/3"), "{said}");
    host.stop(id);
}

/// Tries: capabilities that change the host, from a privileged container; and inheriting any.
/// Stops it: the bounding set.
#[test]
fn capabilities() {
    let Some(host) = Host::new() else { return };
    let of = |host: &Host, id, name: &str| {
        let status = host.sh(id, "cat /proc/self/status").out;
        let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_owned();
        u64::from_str_radix(&line, 16).unwrap()
    };
    let id = host.container("lxc.cap.drop: net_raw\n");
    host.start(id);
    for process in ["self", "1"] {
        let status = host.sh(id, &format!("cat /proc/{process}/status")).out;
        let bounding =
            status.lines().find_map(|l| l.strip_prefix("CapBnd:")).unwrap().trim().to_owned();
        let bounding = u64::from_str_radix(&bounding, 16).unwrap();
        // sys_module, sys_rawio, sys_time, mac_override, mac_admin, and net_raw as told
        for number in [16, 17, 25, 32, 33, 13] {
            assert_eq!(bounding & (1 << number), 0, "capability {number} of {process}");
        }
    }
    assert_eq!((of(&host, id, "CapInh:"), of(&host, id, "CapAmb:")), (0, 0));
    host.stop(id);
    let id = host.container("lxc.cap.keep: chown kill\n");
    host.start(id);
    assert_eq!(of(&host, id, "CapEff:"), 1 | (1 << 5));
    host.stop(id);
}

/// Tries: a program of the guest's in place of what `exec` needs: its shell, its `/proc`, its devices.
/// Stops it: nothing of the guest's is read; everything comes from outside.
#[test]
fn a_hostile_guest() {
    let Some(host) = Host::new() else { return };
    for config in BOTH {
        let id = host.container(config);
        host.start(id);
        let said = host.sh(
            id,
            "umount -l /proc; mkdir -p /proc/self/attr /proc/1/ns; ln -s /x /proc/self/exe; mkfifo /proc/self/status; \
             rm -f /dev/ptmx; mkfifo /dev/ptmx; mount -t tmpfs x /dev/pts; mkfifo /dev/pts/ptmx; mkfifo /etc/group; echo done",
        );
        assert_eq!(said.out, "done\n", "{}", said.err);
        assert_eq!(host.sh(id, "echo alive").out, "alive\n");
        host.stop(id);
        host.assert_nothing_left();
    }
}

/// Tries: reaching the host's network from inside, and another container's.
/// Stops it: the network namespace.
#[test]
fn other_namespaces() {
    let Some(host) = Host::new() else { return };
    for config in BOTH {
        let id = host.container(config);
        host.start(id);
        let init = host.init(id);
        for namespace in ["mnt", "pid", "net", "ipc", "uts", "cgroup"] {
            let ours = fs::read_link(format!("/proc/self/ns/{namespace}")).unwrap();
            let theirs = fs::read_link(format!("/proc/{init}/ns/{namespace}")).unwrap();
            assert_ne!(ours, theirs, "{namespace}");
            // What exec makes is where init is.
            let link = host.sh(id, &format!("readlink /proc/self/ns/{namespace}")).out;
            assert_eq!(link.trim(), theirs.to_str().unwrap(), "{namespace}");
        }
        let same_user = fs::read_link("/proc/self/ns/user").unwrap()
            == fs::read_link(format!("/proc/{init}/ns/user")).unwrap();
        assert_eq!(same_user, config.is_empty());
        host.stop(id);
    }
}

/// Tries: a link of the guest's in place of the files on which devices and masks are mounted.
/// Stops it: `/dev` is made outside; masks are mounted by descriptor, links are refused.
#[test]
fn links_in_the_root() {
    let Some(host) = Host::new() else { return };
    let outside = host.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let id = host.container("unprivileged: 1\n");
    let dev = host.root_of(id).join("dev");
    symlink(&outside, dev.join("pts")).unwrap();
    symlink(outside.join("null"), dev.join("null")).unwrap();
    symlink(outside.join("console"), dev.join("console")).unwrap();
    host.start(id);
    assert_eq!(
        host.sh(id, "stat -c %t:%T /dev/null; test -c /dev/console && echo ok").out,
        "1:3\nok\n"
    );
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    host.stop(id);
}
