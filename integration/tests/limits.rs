//! The limits that are promised: 1 MiB a file, 128 MiB in all; 100,000 files, 1,000 open handles, 64 threads.

mod common;

use common::{conf, errno, save};
use integration::mounted::Mounted;
use rustix::io::Errno;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};

const MIB: usize = 1 << 20;

#[test]
fn a_file_has_at_most_one_mebibyte_and_all_together_128() {
    let mounted = Mounted::new();
    let path = mounted.root.join("big.txt");
    save(&path, vec![b'a'; MIB]).expect("1 MiB");
    assert_eq!(errno(save(&path, vec![b'b'; MIB + 1])), Some(Errno::FBIG));
    let unchanged =
        || assert!(fs::read(&path).expect("the file") == vec![b'a'; MIB], "the file has changed");
    unchanged();
    let mut appending = OpenOptions::new().append(true).open(&path).expect("open");
    assert_eq!(errno(appending.write_all(b"x")), Some(Errno::FBIG));
    drop(appending);
    let longer = nix::unistd::truncate(&path, MIB as i64 + 1);
    assert_eq!(longer, Err(nix::errno::Errno::EFBIG));
    unchanged();
    let number = (1..).find(|number| {
        let error = errno(save(mounted.root.join(format!("fill-{number}")), vec![b'c'; MIB]));
        assert!(matches!(error, None | Some(Errno::NOSPC)), "{error:?}");
        error.is_some()
    });
    let number = number.expect("an end");
    assert!((127..=129).contains(&number), "{number} files of 1 MiB");
    unchanged();
    let free = rustix::fs::statvfs(&mounted.root).expect("statvfs");
    assert!(free.f_bfree * free.f_frsize < 2 * MIB as u64);
    fs::remove_file(mounted.root.join("fill-1")).expect("removed");
    save(mounted.root.join("fill-1"), b"room again").expect("room again");
}

#[test]
fn a_hundred_thousand_files() {
    const COUNT: usize = 100_000;
    let mut mounted = Mounted::with().prepare();
    let source = mounted.scratch().join("source");
    for folder in 0..10 {
        let folder = source.join(format!("many/{folder}"));
        fs::create_dir_all(&folder).expect("a folder");
        for file in 0..COUNT / 10 {
            save(folder.join(format!("{file:05}.txt")), format!("{file}\n")).expect("a file");
        }
    }
    mounted.import(&source);
    mounted.start();
    let mut seen = 0;
    for folder in 0..10 {
        let folder = mounted.root.join(format!("many/{folder}"));
        let names: HashSet<_> = fs::read_dir(&folder)
            .expect("a list")
            .map(|entry| entry.expect("one").file_name())
            .collect();
        seen += names.len();
        for file in (0..COUNT / 10).step_by(97) {
            let name = format!("{file:05}.txt");
            assert_eq!(
                fs::read_to_string(folder.join(&name)).expect("a text"),
                format!("{file}\n")
            );
            assert!(names.contains(std::ffi::OsStr::new(&name)));
        }
    }
    assert_eq!(seen, COUNT);
    save(mounted.root.join("many/0/one-more"), b"x").expect("one more");
    save(mounted.conf(100), conf(512)).expect("a configuration");
}

#[test]
fn a_thousand_open_handles() {
    let mounted = Mounted::new();
    let (_, hard) =
        nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).expect("limits");
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, hard, hard)
        .expect("a limit");
    if hard < 2200 {
        println!("SKIPPED: this host allows only {hard} open files");
        return;
    }
    let path = |at| mounted.root.join(format!("file-{at}"));
    let mut writers: Vec<File> =
        (0..1000).map(|at| File::create(path(at)).expect("create")).collect();
    for (at, file) in writers.iter_mut().enumerate() {
        write!(file, "text {at}").expect("write");
    }
    for file in writers {
        nix::unistd::close(file).expect("close");
    }
    let readers: Vec<File> = (0..1000).map(|at| File::open(path(at)).expect("open")).collect();
    for at in 0..1000 {
        save(path(at), "another").expect("a save while it is read");
    }
    for (at, mut file) in readers.into_iter().enumerate() {
        let mut text = String::new();
        file.read_to_string(&mut text).expect("read");
        assert_eq!(text, format!("text {at}"), "a reader keeps the text of its open");
    }
}

#[test]
fn sixty_four_threads() {
    let mounted = Mounted::new();
    std::thread::scope(|scope| {
        for thread in 0..64u32 {
            let mounted = &mounted;
            scope.spawn(move || {
                let path = mounted.conf(100 + thread);
                for round in 0..20 {
                    save(&path, conf(512 + round)).expect("a save");
                    assert_eq!(fs::read_to_string(&path).expect("a read"), conf(512 + round));
                    let other = mounted.conf(100 + (thread * 7 + round) % 64);
                    if let Ok(text) = fs::read_to_string(&other) {
                        assert!(
                            text.starts_with("arch: ") && text.ends_with("debian\n"),
                            "{text:?}"
                        );
                    }
                    fs::rename(&path, path.with_extension("keep")).expect("rename away");
                    fs::rename(path.with_extension("keep"), &path).expect("rename back");
                }
            });
        }
    });
    assert_eq!(fs::read_dir(mounted.root.join("lxc")).expect("a list").count(), 64);
}
