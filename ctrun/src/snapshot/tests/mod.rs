//! Each success, each failure at each step, with the file that is left.

mod create;
mod delete;
mod properties;
mod refusals;
mod rollback;

use pve_config::{FileKind, check_save};

use super::{Cause, Error, Guest, Operation, Outcome, Parts, Request, Save, Script, run};

/// What somebody else makes of a text.
type OtherEdit = fn(&str) -> String;

/// A file that keeps every text it held, and can fail.
#[derive(Default)]
pub(super) struct File {
    /// What was saved, in order.
    pub saved: Vec<String>,
    /// The save that fails, from 0.
    pub fails_at: Option<usize>,
    /// What somebody else writes into the file after our save of that number.
    pub meanwhile: Option<(usize, OtherEdit)>,
}

impl Save for File {
    fn save(&mut self, text: &str) -> Result<(), Cause> {
        if self.fails_at == Some(self.saved.len()) {
            return Err("disk full".into());
        }
        self.saved.push(text.to_owned());
        Ok(())
    }

    fn load(&mut self) -> Result<Option<String>, Cause> {
        let Some((at, edit)) = self.meanwhile.filter(|(at, _)| at + 1 == self.saved.len()) else {
            return Ok(self.saved.last().cloned());
        };
        self.meanwhile = None;
        Ok(Some(edit(&self.saved[at])))
    }
}

/// A container that runs, keeps what was done to it, and can fail.
#[derive(Default)]
pub(super) struct Running {
    pub done: Vec<&'static str>,
    pub fails: Vec<&'static str>,
}

impl Running {
    fn act(&mut self, what: &'static str) -> Result<(), Cause> {
        self.done.push(what);
        if self.fails.contains(&what) { Err(format!("cannot {what}").into()) } else { Ok(()) }
    }
}

impl Guest for Running {
    fn freeze(&mut self) -> Result<(), Cause> {
        self.act("freeze")
    }

    fn thaw(&mut self) -> Result<(), Cause> {
        self.act("thaw")
    }

    fn stop(&mut self) -> Result<(), Cause> {
        self.act("stop")
    }
}

/// One operation with all that it works on.
pub(super) struct Trial<'a> {
    pub operation: Operation,
    pub request: Request<'a>,
    pub text: &'a str,
    pub script: &'a str,
    pub file: File,
    pub guest: Running,
}

impl<'a> Trial<'a> {
    pub fn new(operation: Operation, name: &'a str, text: &'a str, script: &'a str) -> Self {
        let request = Request { name, time: 1_700_000_000, ..Request::default() };
        let (file, guest) = (File::default(), Running::default());
        Self { operation, request, text, script, file, guest }
    }

    /// Runs it, and checks what always holds: the text that comes out is the last one that was saved or read, and each
    /// save is one that `pvefs` takes.
    pub fn run(&mut self) -> Outcome {
        let mut script = Script::parse(self.script).unwrap();
        let parts = Parts { volumes: &mut script, guest: &mut self.guest, file: &mut self.file };
        let outcome = run(self.operation, &self.request, self.text, parts);
        valid_saves(self.text, &self.file.saved);
        outcome
    }

    /// Runs it, and gives what is left and the error.
    pub fn end(&mut self) -> (String, String) {
        let outcome = self.run();
        (outcome.text, outcome.result.err().map_or_else(String::new, |error| error.to_string()))
    }
}

/// Each text may take the place of the one before it.
pub(super) fn valid_saves(first: &str, saved: &[String]) {
    let mut before = first;
    for text in saved {
        let report =
            check_save(FileKind::Container(Some(100)), Some(before.as_bytes()), text.as_bytes());
        let errors: Vec<_> = report.errors().map(|found| &found.message).collect();
        assert!(errors.is_empty(), "{errors:?}\n{before}\nbecame\n{text}");
        before = text;
    }
}

/// A container in the reference's own form, with a line of each kind.
pub(super) const MAIN: &str = "\
#web%3A server
arch: amd64
hostname: web
lock: LOCK
memory: 512
mp0: l1:data,mp=/data
# uploads
mp1: /srv,mp=/srv
onboot: 1
parent: PARENT
rootfs: l1:root,size=8G
unused0: l1:old
lxc.cap.drop = sys_time
";

/// The container with or without a lock and a parent.
pub(super) fn main(lock: &str, parent: &str) -> String {
    let keep = |text: String, key: &str, placeholder: &str, value: &str| {
        if value.is_empty() {
            text.replace(&format!("{key}: {placeholder}\n"), "")
        } else {
            text.replace(placeholder, value)
        }
    };
    keep(keep(MAIN.to_owned(), "lock", "LOCK", lock), "parent", "PARENT", parent)
}

/// The section of a snapshot of it, with a blank line before it. Each of `more` is put at its place in the alphabet.
pub(super) fn section(name: &str, more: &[&str]) -> String {
    let mut lines = vec![
        "arch: amd64",
        "hostname: web",
        "memory: 512",
        "mp0: l1:data,mp=/data",
        "mp1: /srv,mp=/srv",
        "onboot: 1",
        "rootfs: l1:root,size=8G",
    ];
    lines.extend(more.iter().filter(|line| !line.starts_with('#')));
    lines.sort_unstable();
    let head = more.iter().copied().filter(|line| line.starts_with('#'));
    let body: Vec<&str> = head.chain(lines).chain(["lxc.cap.drop = sys_time"]).collect();
    format!("\n[{name}]\n{}\n", body.join("\n"))
}

/// The step that an error names.
pub(super) fn step_of(error: &Result<(), Error>) -> String {
    let step = error.as_ref().err().and_then(Error::step);
    step.map_or_else(String::new, |step| step.to_string())
}
