//! Readers in a loop, while every tool saves: each text that is seen is a whole one.

use integration::mounted::Mounted;
use integration::tools::{Edit, Texts, Tool, all};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

/// Lines of filling: short, about 400 bytes, about 30 kB.
const LENGTHS: &[usize] = &[3, 14, 1000];
/// How many files are written, each by a thread of its own.
const FILES: u32 = 2;

/// A text that shows of which save each of its lines is.
fn marked(save: u32, lines: usize) -> String {
    let mut text = format!("# begin {save} {lines}\n");
    for line in 0..lines {
        text.push_str(&format!("# {save} {line} of the filling\n"));
        if line == 2 {
            text.push_str(&format!("memory: {}\n", 512 + save));
        }
    }
    text + &format!("# end {save}\n")
}

/// Which save a text is of; `None` if it is no whole text of one. Tools that edit change the line with the memory, or add
/// lines at the end.
fn save_of(text: &str) -> Option<u32> {
    let mut begin = text.strip_prefix("# begin ")?.lines().next()?.split(' ');
    let (save, lines) = (begin.next()?.parse().ok()?, begin.next()?.parse().ok()?);
    let mut found = text.lines();
    let end = text.ends_with('\n');
    for wanted in marked(save, lines).lines() {
        let line = found.next()?;
        let is_memory = wanted.starts_with("memory: ") && line.starts_with("memory: ");
        if line != wanted && !is_memory {
            return None;
        }
    }
    (end && found.all(|line| line.starts_with("# added "))).then_some(save)
}

/// The check for readers that map the file: `mmap` needs `unsafe` here.
const MAPPING: &str = r##"
import mmap, os, signal, sys
path, stop = sys.argv[1:]
def page_of_one_text(page):
    saves = set()
    for line in page.split(b"\n")[1:-1]:
        words = line.split(b" ")
        if len(words) > 1 and words[0] == b"#" and words[1].isdigit(): saves.add(words[1])
    return len(saves) <= 1
def of_one_text(text):
    # The size that fstat and a mapping go by is that of the newest text, the bytes are those of the one that was
    # opened: it may be cut, or zeros may follow it. But never are two texts mixed in a page. The pages of a mapping belong
    # to the file, as on any file system: each is read when it is touched.
    if len(text) > 4096: return all(page_of_one_text(text[at:at + 4096]) for at in range(0, len(text), 4096))
    text = text.rstrip(b"\0")
    if not text.startswith(b"# begin "): return False
    *lines, rest = text.split(b"\n")
    if not lines: return True
    save, count = lines[0].split(b" ")[2:]
    wanted = [lines[0]]
    for line in range(int(count)):
        wanted.append(b"# %s %d of the filling" % (save, line))
        if line == 2: wanted.append(b"memory: ")
    wanted.append(b"# end " + save)
    for at, line in enumerate(lines):
        want = wanted[at] if at < len(wanted) else b"# added "
        if line != want and not (want in (b"memory: ", b"# added ") and line.startswith(want)): return False
    return True
def look():
    try: file = os.open(path, os.O_RDONLY)
    except FileNotFoundError: return
    size = os.fstat(file).st_size
    with mmap.mmap(file, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as mapped: text = mapped[:]
    if not of_one_text(text): print((size, text[:60], text[-60:]), flush=True)
seen = 0
print("begin", flush=True)
while not os.path.exists(stop):
    # As on any file system, a page that is beyond the end when it is touched is SIGBUS: the file was made shorter.
    child = os.fork()
    if child == 0:
        try: look()
        except ValueError: pass  # Shorter already than fstat said.
        except BaseException as error: print(repr(error), flush=True)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status == 0: seen += 1
    elif os.WTERMSIG(status) != signal.SIGBUS: print("ended with", status)
print(seen)
"##;

/// What readers have seen.
#[derive(Default)]
struct Seen {
    saves: Mutex<BTreeSet<u32>>,
    wrong: Mutex<Vec<String>>,
    reads: AtomicU32,
}

impl Seen {
    fn note(&self, how: &str, read: io::Result<Vec<u8>>) {
        let wrong = match read {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                self.reads.fetch_add(1, Ordering::Relaxed);
                if let Some(save) = save_of(&text) {
                    self.saves.lock().unwrap().insert(save);
                    return;
                }
                let start: String = text.chars().take(80).collect();
                format!("{how} saw {} bytes that begin {start:?}", text.len())
            }
            // Between a tool's unlink and its create there is no file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => format!("{how}: {error}"),
        };
        self.wrong.lock().unwrap().push(wrong);
    }
}

fn read_in_pieces(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let (mut text, mut piece) = (Vec::new(), [0; 1000]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(text),
            length => text.extend_from_slice(&piece[..length]),
        }
        std::thread::yield_now();
    }
}

fn cat(path: &Path) -> io::Result<Vec<u8>> {
    let output = Command::new("cat").arg(path).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(output.stdout),
        false if said.contains("No such file") => Err(io::ErrorKind::NotFound.into()),
        false => Err(io::Error::other(said.into_owned())),
    }
}

type Reader = fn(&Path) -> io::Result<Vec<u8>>;
const READERS: &[(&str, Reader)] =
    &[("read", |path| fs::read(path)), ("a slow reader", read_in_pieces), ("cat", cat)];

/// Saves with every tool, each time a text of another length; returns what went wrong.
fn write_all(mounted: &Mounted, id: u32, tools: &[Tool], saves: &AtomicU32) -> Vec<String> {
    let target = mounted.conf(id);
    let mut wrong = Vec::new();
    for (turn, tool) in tools.iter().enumerate() {
        let lengths: &[usize] = if tool.edit == Edit::Whole { LENGTHS } else { &LENGTHS[..1] };
        for (at, _) in lengths.iter().enumerate() {
            let save = saves.fetch_add(1, Ordering::Relaxed);
            let old = fs::read_to_string(&target).expect("a text is there after each save");
            let (line, new) = match tool.edit {
                Edit::Append => {
                    let line = format!("# added {save}");
                    (line.clone(), format!("{old}{line}\n"))
                }
                Edit::Change | Edit::Value => {
                    let line = format!("memory: {}", 512 + save);
                    let change = |kept: &str| match kept.starts_with("memory: ") {
                        true => format!("{line}\n"),
                        false => format!("{kept}\n"),
                    };
                    (line.clone(), old.lines().map(change).collect())
                }
                _ => {
                    let length = LENGTHS[(turn + at) % LENGTHS.len()];
                    (format!("memory: {}", 512 + save), marked(save, length))
                }
            };
            let work = tempfile::tempdir_in(mounted.scratch()).expect("a folder");
            let texts = Texts { old, new, line };
            let outcome = tool.run(&target, &texts, work.path()).expect("it can be run");
            let found = fs::read_to_string(&target);
            if outcome.told || found.as_ref().ok() != Some(&texts.new) {
                let found = found.map(|text| text.chars().take(80).collect::<String>());
                wrong.push(format!("{}: {outcome:?}; then the file had {found:?}", tool.name));
                fs::write(&target, marked(save, 3)).expect("a good text");
            }
        }
    }
    wrong
}

#[test]
fn readers_see_whole_texts_only() {
    let mut tools = all();
    tools.retain(|tool| {
        tool.missing().is_none()
            && !tool.is_interactive()
            && !matches!(tool.edit, Edit::Cut | Edit::Empty | Edit::ChangeIni)
            // Four runs of seconds each, that all write as these two do.
            && !matches!(tool.name, "ansible copy unsafe_writes" | "ansible template")
    });
    if let Ok(name) = std::env::var("TOOL") {
        tools.retain(|tool| tool.name.contains(&name));
    }
    let mounted = Mounted::with().arg("--log").arg("warn").start();
    let saves = AtomicU32::new(1);
    let ids: Vec<u32> = (100..100 + FILES).collect();
    for id in &ids {
        fs::write(mounted.conf(*id), marked(0, 3)).unwrap();
    }
    let stop = AtomicBool::new(false);
    let stop_file = mounted.scratch().join("stop");
    let started = Instant::now();
    let seen: Vec<Seen> = ids.iter().map(|_| Seen::default()).collect();
    let mut wrong = Vec::new();
    std::thread::scope(|scope| {
        let mut mappings = Vec::new();
        for (id, seen) in ids.iter().zip(&seen) {
            let path = mounted.conf(*id);
            for _ in 0..2 {
                let mut python = Command::new("python3");
                python.args(["-c", MAPPING]).arg(&path).arg(&stop_file).stdout(Stdio::piped());
                mappings.push(python.spawn().expect("python"));
            }
            for (how, read) in READERS {
                let (path, stop) = (path.clone(), &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        seen.note(how, read(&path));
                    }
                });
            }
        }
        let writers: Vec<_> = ids
            .iter()
            .map(|id| {
                // Each begins elsewhere, so that different tools work at the same time.
                let mut tools = tools.clone();
                let middle = tools.len() / 2;
                tools.rotate_left(if id % 2 == 0 { 0 } else { middle });
                let (mounted, saves) = (&mounted, &saves);
                scope.spawn(move || write_all(mounted, *id, &tools, saves))
            })
            .collect();
        for writer in writers {
            match writer.join() {
                Ok(found) => wrong.extend(found),
                Err(_) => wrong.push("a writer panicked".to_owned()),
            }
        }
        stop.store(true, Ordering::Relaxed);
        fs::write(&stop_file, "").unwrap();
        for mapping in mappings {
            let output = mapping.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            let lines: Vec<&str> = said.lines().collect();
            let count = lines.last().and_then(|last| last.parse().ok()).unwrap_or(0_u32);
            println!("{count} reads by mapping, {}", output.status);
            if !output.status.success() || lines.len() > 2 || count < 10 {
                wrong.push(format!("a mapping reader: {}, {lines:?}", output.status));
            }
        }
    });
    for seen in seen {
        let (reads, saves) = (seen.reads.into_inner(), seen.saves.into_inner().unwrap().len());
        println!("{reads} reads of {saves} different texts in {:?}", started.elapsed());
        assert!(reads > 100 && saves > tools.len() / 4, "too few to say anything");
        wrong.extend(seen.wrong.into_inner().unwrap());
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
