//! How fast configurations are judged: one, a large one, and ten thousand files by `pvefs check`.

use nix::sys::resource::{UsageWho, getrusage};
use pve_config::{FileKind, check};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TYPICAL: &str = "# Web server of the shop\n# see wiki/shop\narch: amd64\ncores: 2\nfeatures: nesting=1\nhostname: web.example.com\nmemory: 2048\nmp0: local:100/vm-100-disk-1.raw,mp=/srv,size=20G\nnet0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:4A:07:5E,ip=192.168.1.20/24,gw=192.168.1.1,type=veth\nonboot: 1\nostype: debian\nrootfs: local:100/vm-100-disk-0.raw,size=8G\nstartup: order=3\nswap: 512\ntags: web\nunprivileged: 1\n";

/// The median time of one call over several rounds.
fn median(rounds: usize, calls: u32, mut call: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed() / calls
        })
        .collect();
    times.sort();
    times[rounds / 2]
}

fn large(bytes: usize) -> String {
    let mut text = TYPICAL.to_owned();
    let mut number = 0;
    while text.len() < bytes {
        number += 1;
        let _ = write!(text, "# comment number {number}\nlxc.environment: NAME{number}=value\n");
    }
    text
}

/// What a person has without `pvefs check`: a few lines of Perl that look at keys and values line by line.
const PERL: &str = r"for my $f (@ARGV) { open(my $h, '<', $f) or die; while (<$h>) { next if /^\s*(#|$)/;
    next if /^\[[a-z][\w:-]+\]\s*$/i; if (/^(lxc\.[a-z0-9_.-]+)(?::|\s*=)\s*(.*?)\s*$/) { $n++; next }
    if (/^([a-z][a-z_]*\d*):\s*(.+?)\s*$/) { for my $p (split /,/, $2) { my ($k, $v) = split /=/, $p, 2; $n++ } next }
    print qq{$f:$.: bad line\n} } }";

/// Runs a command over many files, several times, and gives the median time.
fn over_files(program: &Path, args: &[&str], files: &[String]) -> Duration {
    let mut times: Vec<_> = (0..5)
        .map(|_| {
            let start = Instant::now();
            let status =
                Command::new(program).args(args).args(files).stdout(Stdio::null()).status();
            assert!(status.is_ok_and(|status| status.success()), "{}", program.display());
            start.elapsed()
        })
        .collect();
    times.sort();
    times[2]
}

fn main() {
    let kind = FileKind::Container(Some(100));
    let one = median(31, 2000, || {
        assert!(std::hint::black_box(check(kind, TYPICAL.as_bytes())).diagnostics.is_empty());
    });
    println!("check, {} bytes: {one:?} (aim: under 10 µs)", TYPICAL.len());
    for bytes in [1_000, 10_000, 100_000, 1_000_000] {
        let text = large(bytes);
        let calls = u32::try_from(2_000_000 / text.len()).unwrap_or(1);
        let time = median(9, calls, || {
            assert!(std::hint::black_box(check(kind, text.as_bytes())).diagnostics.is_empty());
        });
        let per_byte = time.as_nanos() as f64 / text.len() as f64;
        println!("check, {} bytes: {time:?}, {per_byte:.1} ns a byte", text.len());
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files: Vec<String> = (100..10_100)
        .map(|id| {
            let path = folder.path().join(format!("{id}.conf"));
            std::fs::write(&path, TYPICAL.replace(":100/vm-100", &format!(":{id}/vm-{id}")))
                .expect("a file");
            path.to_string_lossy().into_owned()
        })
        .collect();
    let pvefs = integration::programs().join("pvefs");
    let ours = over_files(&pvefs, &["check"], &files);
    let memory = getrusage(UsageWho::RUSAGE_CHILDREN).expect("getrusage").max_rss();
    let perl = over_files(Path::new("perl"), &["-e", PERL], &files);
    println!(
        "pvefs check, 10,000 files: {ours:?}, {:.1} MB (aims: under 500 ms, under 30 MB)",
        memory as f64 / 1024.0
    );
    println!(
        "a Perl script that only splits their lines: {perl:?}, ratio {:.2}",
        ours.as_secs_f64() / perl.as_secs_f64()
    );
}
