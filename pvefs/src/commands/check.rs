//! `pvefs check`: says all that is wrong with files, without any mount.

use crate::cli::{CliError, written};
use crate::render;
use annotate_snippets::Renderer;
use pve_config::{FileKind, LineIndex, Report, Severity, check, parse_ctid};
use std::fs;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

/// How to print what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// With the line and a mark below the place.
    Text,
    /// One array of objects.
    Json,
    /// One line each, FILE:LINE:COLUMN: SEVERITY: MESSAGE.
    Short,
}

/// Which language a file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// CTID.conf
    Container,
    /// storage.cfg
    Storage,
    /// datacenter.cfg
    Datacenter,
}

/// Check configuration files and say all that is wrong with them
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 if no file has an error, 1 if one has, 2 if one could not be read."
)]
pub struct Args {
    /// How to print what was found
    #[arg(long, value_enum, default_value = "text")]
    output_format: Format,
    /// Take warnings as errors
    #[arg(long)]
    strict: bool,
    /// The container's ID, where the file's name does not tell it
    #[arg(long, value_parser = ctid)]
    id: Option<u32>,
    /// What the files are, where their names do not tell it
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Of a file in a mounted /etc/pve whose last save was refused, check the refused text
    #[arg(long)]
    rejected: bool,
    /// Files to check; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

fn ctid(text: &str) -> Result<u32, String> {
    parse_ctid(text).ok_or_else(|| "expected a container ID from 100 to 999999999".to_owned())
}

impl Args {
    fn kind_of(&self, file: &str) -> FileKind {
        let by_name = FileKind::of_path(file);
        match self.kind {
            Some(Kind::Storage) => FileKind::Storage,
            Some(Kind::Datacenter) => FileKind::Datacenter,
            None if self.id.is_none() && by_name.is_some() => {
                by_name.unwrap_or(FileKind::Container(None))
            }
            Some(Kind::Container) | None => {
                let named = match by_name {
                    Some(FileKind::Container(id)) => id,
                    _ => None,
                };
                FileKind::Container(self.id.or(named))
            }
        }
    }
}

/// The refused text of a file, if it is newer than the file: what its editor still shows.
///
/// `.rejected` at the top of the mounted tree has it under the file's path there.
fn refused_text(file: &str) -> Option<Vec<u8>> {
    let path = fs::canonicalize(file).ok()?;
    let top = path.ancestors().find(|folder| folder.join(".rejected").is_dir())?;
    let refused = top.join(".rejected").join(path.strip_prefix(top).ok()?);
    let time = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
    (time(&refused)? > time(&path)?).then(|| fs::read(refused).ok())?
}

fn read(file: &str, rejected: bool) -> io::Result<Vec<u8>> {
    if file != "-" {
        let refused = if rejected { refused_text(file) } else { None };
        return refused.map_or_else(|| fs::read(file), Ok);
    }
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}

/// Where what was found goes.
struct Printer<W: Write> {
    out: W,
    format: Format,
    renderer: Renderer,
    printed: usize,
}

impl<W: Write> Printer<W> {
    fn print(&mut self, file: &str, text: &[u8], report: &Report) -> io::Result<()> {
        if report.diagnostics.is_empty() {
            return Ok(());
        }
        let index = LineIndex::new(text);
        for found in &report.diagnostics {
            let separator = if self.printed > 0 { "\n" } else { "" };
            match self.format {
                Format::Text => {
                    let shown = render::text(&self.renderer, file, text, &index, found);
                    writeln!(self.out, "{separator}{shown}")?;
                }
                Format::Short => writeln!(self.out, "{}", render::short(file, &index, found))?,
                Format::Json => {
                    self.out.write_all(if self.printed > 0 { b",\n  " } else { b"\n  " })?;
                    serde_json::to_writer(&mut self.out, &render::json(file, &index, found))?;
                }
            }
            self.printed += 1;
        }
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.format == Format::Json { self.out.write_all(b"[") } else { Ok(()) }
    }

    fn end(&mut self) -> io::Result<()> {
        if self.format == Format::Json {
            self.out.write_all(if self.printed > 0 { b"\n]\n" } else { b"]\n" })?;
        }
        self.out.flush()
    }
}

#[derive(Default)]
struct Counts {
    errors: usize,
    warnings: usize,
    unreadable: usize,
}

impl Counts {
    fn add(&mut self, report: &Report) {
        for found in &report.diagnostics {
            match found.severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
                Severity::Note => {}
            }
        }
    }

    fn summary(&self, files: usize) -> String {
        let count = |number: usize, word: &str| {
            format!("{number} {word}{}", if number == 1 { "" } else { "s" })
        };
        format!(
            "{} and {} in {}",
            count(self.errors, "error"),
            count(self.warnings, "warning"),
            count(files, "file")
        )
    }
}

/// Checks the files and prints what was found.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let stdout = io::stdout();
    let renderer = if stdout.is_terminal() { Renderer::styled() } else { Renderer::plain() };
    let mut printer = Printer {
        out: BufWriter::new(stdout.lock()),
        format: args.output_format,
        renderer,
        printed: 0,
    };
    let mut counts = Counts::default();
    written(printer.begin())?;
    for file in &args.files {
        let text = match read(file, args.rejected) {
            Ok(text) => text,
            Err(error) => {
                counts.unreadable += 1;
                eprintln!("pvefs: cannot read {file}: {error}");
                continue;
            }
        };
        let report = check(args.kind_of(file), &text);
        counts.add(&report);
        written(printer.print(file, &text, &report))?;
    }
    written(printer.end())?;
    if args.output_format == Format::Text && counts.errors + counts.warnings > 0 {
        eprintln!("\n{}", counts.summary(args.files.len()));
    }
    Ok(if counts.unreadable > 0 {
        ExitCode::from(2)
    } else if counts.errors > 0 || (args.strict && counts.warnings > 0) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
