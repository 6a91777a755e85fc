//! The ways in which real programs save a file: the rows of the saving table.

mod ansible;
mod copying;
mod editors;
mod interactive;
mod languages;
mod screen;
mod shell;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the error messages of the tools have in common, in lower case.
const MESSAGES: &[&str] = &[
    "invalid argument",
    "bad message",
    "i/o error",
    "input/output error",
    "operation not permitted",
    "unable to write",
    "error writing",
    "cannot save",
];

/// The text that all saves begin from.
pub const OLD: &str = "\
arch: amd64
cores: 2
# Web server of the shop
hostname: web
memory: 512
mp0: local:100/vm-100-disk-1.raw,mp=/srv,size=4G
net0: name=eth0,bridge=vmbr0,ip=dhcp,type=veth
ostype: debian
rootfs: local:100/vm-100-disk-0.raw,size=8G
swap: 512
unprivileged: 1
";
/// The line of it that most tools change, counted from 1.
pub const CHANGED: usize = 5;
/// A text that the Python module configobj can read too.
const OLD_INI: &str = "lxc.cap.drop = sys_time\nlxc.environment = SHOP=1\n";

/// What the new text is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Without mistakes.
    Good,
    /// With a line that is wrong whatever the others are.
    BadLine,
    /// With a mistake that no line alone shows: two mount points on one path.
    BadWhole,
}

/// What a tool makes of the old text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The new text is written, whatever the old one was.
    Whole,
    /// One line is another, somewhere in the middle.
    Change,
    /// One value is another.
    Value,
    /// A line is added at the end.
    Append,
    /// The end is cut off.
    Cut,
    /// All is cut off, and that is never good.
    Empty,
    /// As `Change`, in a text that configobj can read.
    ChangeIni,
}

/// At which refusals a tool tells of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// At all.
    Always,
    /// Only at those of a line: it looks at the result of write(2), not at that of close(2).
    Writing,
    /// At none.
    Never,
}

/// How a tool is run.
#[derive(Clone, Copy)]
enum Act {
    /// By a script for bash, with the variables of [`Job::variables`].
    Script(&'static str),
    /// By this program itself.
    Here(fn(&Job<'_>) -> io::Result<()>),
    /// In a terminal.
    Terminal(&'static interactive::Program),
}

/// One way to save a file.
#[derive(Clone, Copy)]
pub struct Tool {
    /// What the table calls it.
    pub name: &'static str,
    /// What it does to the old text.
    pub edit: Edit,
    /// At which refusals it tells of them.
    pub tells: Tells,
    /// Whether it can also make a file that does not exist.
    pub creates: bool,
    /// Names that it is asked to leave, `N` being the file's.
    pub leaves: &'static [&'static str],
    /// Whether a refused text is kept whole: no, if the tool writes a line at a time and stops at the first error.
    pub whole: bool,
    programs: &'static [&'static str],
    act: Act,
}

impl Tool {
    const fn new(name: &'static str, programs: &'static [&'static str], act: Act) -> Self {
        Self {
            name,
            edit: Edit::Whole,
            tells: Tells::Always,
            creates: false,
            leaves: &[],
            whole: true,
            programs,
            act,
        }
    }

    const fn script(
        name: &'static str,
        programs: &'static [&'static str],
        script: &'static str,
    ) -> Self {
        Self::new(name, programs, Act::Script(script))
    }

    const fn edit(mut self, edit: Edit) -> Self {
        self.edit = edit;
        self
    }

    const fn tells(mut self, tells: Tells) -> Self {
        self.tells = tells;
        self
    }

    const fn creates(mut self) -> Self {
        self.creates = true;
        self
    }

    const fn leaves(mut self, names: &'static [&'static str]) -> Self {
        self.leaves = names;
        self
    }

    const fn in_parts(mut self) -> Self {
        self.whole = false;
        self
    }

    /// The program that it needs and this host does not have.
    pub fn missing(&self) -> Option<&'static str> {
        self.programs.iter().copied().find(|program| find(program).is_none())
    }

    /// Whether it runs in a terminal.
    pub fn is_interactive(&self) -> bool {
        matches!(self.act, Act::Terminal(_))
    }

    /// Whether it can be tried with such a text.
    pub fn can(&self, text: Text) -> bool {
        match self.edit {
            Edit::Whole | Edit::Change | Edit::Append => true,
            Edit::Value | Edit::Cut | Edit::ChangeIni => text != Text::BadWhole,
            Edit::Empty => text == Text::BadLine,
        }
    }

    /// The text before and the text after, with the line that differs.
    pub fn texts(&self, text: Text) -> Texts {
        let line = match (text, self.edit) {
            (Text::Good, Edit::Append) => "onboot: 1",
            (Text::Good, Edit::ChangeIni) => "lxc.environment = SHOP=2",
            (Text::BadLine, Edit::ChangeIni) => "lxc.enviroment = SHOP=2",
            (Text::Good, _) => "memory: 1024",
            (Text::BadLine, Edit::Value) => "memory: 1o24",
            (Text::BadLine, _) => "memroy: 1024",
            (Text::BadWhole, _) => "mp1: local:100/vm-100-disk-2.raw,mp=/srv,size=2G",
        };
        let old = if self.edit == Edit::ChangeIni { OLD_INI } else { OLD };
        let changed = |number: usize| {
            let lines = old.lines().enumerate();
            let lines = lines.map(|(at, kept)| if at + 1 == number { line } else { kept });
            lines.map(|line| format!("{line}\n")).collect()
        };
        let new = match self.edit {
            Edit::Whole | Edit::Change | Edit::Value => changed(CHANGED),
            Edit::ChangeIni => changed(2),
            Edit::Append => format!("{old}{line}\n"),
            Edit::Cut if text == Text::Good => {
                old.lines().take(3).map(|l| format!("{l}\n")).collect()
            }
            Edit::Cut => old[..3].to_owned(),
            Edit::Empty => String::new(),
        };
        Texts { old: old.to_owned(), new, line: line.to_owned() }
    }

    /// Runs it on `target`, which holds `texts.old` or does not exist. `work` is an empty folder on another file system.
    ///
    /// # Errors
    /// When it cannot be run at all.
    pub fn run(&self, target: &Path, texts: &Texts, work: &Path) -> io::Result<Outcome> {
        let job = Job { target, texts, work };
        fs::write(job.file("new"), &texts.new)?;
        fs::write(job.file("old"), &texts.old)?;
        // Whatever a tool copies the mode from, the mount has its own.
        fs::set_permissions(job.file("new"), fs::Permissions::from_mode(0o604))?;
        fs::create_dir_all(job.file("home"))?;
        match self.act {
            Act::Script(script) => {
                let mut command = Command::new("bash");
                command.args(["--norc", "-c", script]).stdin(Stdio::null());
                let output = command.envs(job.variables()).output()?;
                let said = [output.stdout, output.stderr].concat();
                Ok(Outcome::new(output.status.code(), &String::from_utf8_lossy(&said)))
            }
            Act::Here(act) => Ok(match act(&job) {
                Ok(()) => Outcome::new(Some(0), ""),
                Err(error) => Outcome::new(Some(1), &error.to_string()),
            }),
            Act::Terminal(program) => program.run(&job),
        }
    }
}

/// The text before a save and after it.
#[derive(Clone, Debug)]
pub struct Texts {
    /// Before.
    pub old: String,
    /// After.
    pub new: String,
    /// The line that is in the new one only, where there is one.
    pub line: String,
}

/// What a tool has to do.
struct Job<'a> {
    target: &'a Path,
    texts: &'a Texts,
    work: &'a Path,
}

impl Job<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    /// `F` is the target, `D` and `N` its folder and name, `W` the working folder, `NEW` and `OLD` files with the texts,
    /// `LINE` the line that is new, `AT` its number, `SIZE` the length of the new text.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let folder = self.target.parent().unwrap_or(self.target);
        let name = self.target.file_name().unwrap_or_default();
        vec![
            ("F", text(self.target)),
            ("D", text(folder)),
            ("N", name.to_string_lossy().into_owned()),
            ("W", text(self.work)),
            ("NEW", text(&self.file("new"))),
            ("OLD", text(&self.file("old"))),
            ("LINE", self.texts.line.clone()),
            ("AT", CHANGED.to_string()),
            ("SIZE", self.texts.new.len().to_string()),
            ("HOME", text(&self.file("home"))),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ]
    }
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The exit status, where the tool has one that says something.
    pub status: Option<i32>,
    /// What it said, or what its screen showed.
    pub said: String,
    /// Whether the person was told of an error.
    pub told: bool,
}

impl Outcome {
    fn new(status: Option<i32>, said: &str) -> Self {
        let text = said.to_lowercase();
        let told = status != Some(0) || MESSAGES.iter().any(|message| text.contains(message));
        Self { status, said: said.to_owned(), told }
    }
}

/// Where a program is.
fn find(program: &str) -> Option<PathBuf> {
    let given = Path::new(program);
    if given.is_absolute() {
        return given.exists().then(|| given.to_owned());
    }
    ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.exists())
}

/// All of them, in the order of the table.
pub fn all() -> Vec<Tool> {
    [
        shell::TOOLS,
        copying::TOOLS,
        editors::TOOLS,
        languages::TOOLS,
        ansible::TOOLS,
        interactive::TOOLS,
    ]
    .concat()
}
