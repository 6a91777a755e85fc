//! The judge over the language of the files: what may be stored under which name.

use crate::fs::{GuestPath, Judge, Refusal};
use crate::render;
use annotate_snippets::Renderer;
use pve_config::{FileKind, LineIndex, Report, check_prefix, check_save, check_written_line};
use pvefs_store::TreePath;

/// Judges container configurations, `storage.cfg` and `datacenter.cfg`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConfigJudge;

/// The language of the file at `path`, if its content is judged.
pub fn kind_of(path: &TreePath) -> Option<FileKind> {
    match path.as_str() {
        "storage.cfg" => Some(FileKind::Storage),
        "datacenter.cfg" => Some(FileKind::Datacenter),
        _ => GuestPath::parse(path)
            .filter(|guest| guest.kind == "lxc")
            .map(|guest| FileKind::Container(Some(guest.id))),
    }
}

/// What a report says to the person whose save is refused; `None` if it is not.
fn refusal(path: &TreePath, text: &[u8], report: &Report) -> Option<Refusal> {
    let name = path.name().unwrap_or_default();
    let index = LineIndex::new(text);
    let mut errors = report.errors();
    let first = errors.next()?;
    let mut summary = render::short(name, &index, first);
    let others = errors.count();
    if others > 0 {
        summary.push_str(&format!(" (and {others} more)"));
    }
    let shown: Vec<_> = report
        .errors()
        .map(|found| render::text(&Renderer::plain(), name, text, &index, found))
        .collect();
    Some(Refusal { reasons: shown.join("\n\n") + "\n", summary })
}

impl Judge for ConfigJudge {
    fn line(&self, path: &TreePath, old: Option<&[u8]>, line: &[u8]) -> Result<(), Refusal> {
        let Some(kind) = kind_of(path) else { return Ok(()) };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        refusal(path, line, &check_written_line(kind, old, line)).map_or(Ok(()), Err)
    }

    fn prefix(&self, path: &TreePath, old: Option<&[u8]>, prefix: &[u8]) -> Result<(), Refusal> {
        let Some(kind) = kind_of(path) else { return Ok(()) };
        refusal(path, prefix, &check_prefix(kind, old, prefix)).map_or(Ok(()), Err)
    }

    fn text(&self, path: &TreePath, old: Option<&[u8]>, new: &[u8]) -> Result<(), Refusal> {
        let Some(kind) = kind_of(path) else { return Ok(()) };
        let report = check_save(kind, old, new);
        if let Some(refusal) = refusal(path, new, &report) {
            return Err(refusal);
        }
        let index = LineIndex::new(new);
        for found in &report.diagnostics {
            tracing::info!("{}", render::short(path.as_str(), &index, found));
        }
        Ok(())
    }

    fn judges(&self, path: &TreePath) -> bool {
        kind_of(path).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().unwrap()
    }

    #[test]
    fn only_configurations_are_judged() {
        for judged in ["nodes/a/lxc/100.conf", "storage.cfg", "datacenter.cfg"] {
            assert!(ConfigJudge.judges(&path(judged)), "{judged}");
        }
        for free in
            ["nodes/a/lxc/99x.conf", "nodes/a/qemu-server/100.conf", "a/storage.cfg", "100.conf"]
        {
            assert!(!ConfigJudge.judges(&path(free)), "{free}");
        }
    }

    #[test]
    fn a_refusal_names_each_place() {
        let path = path("nodes/a/lxc/100.conf");
        let refusal = ConfigJudge.text(&path, None, b"memroy: 512\nswap: x\n").unwrap_err();
        assert_eq!(
            refusal.summary,
            "100.conf:1:1: error: unknown option: did you mean `memory`? (and 1 more)"
        );
        assert!(refusal.reasons.contains("--> 100.conf:2:7"), "{}", refusal.reasons);
        assert_eq!(
            ConfigJudge.text(&path, Some(b"memroy: 512\n"), b"memroy: 512\nswap: 1\n"),
            Ok(())
        );
        assert!(ConfigJudge.line(&path, None, b"memroy: 512\r").is_err());
        assert_eq!(ConfigJudge.line(&path, None, b"memory: 512\r"), Ok(()));
        let old = Some(b"net0: name=eth0,bogus=1\n".as_slice());
        assert_eq!(ConfigJudge.line(&path, old, b"net0: name=eth1,bogus=1"), Ok(()));
    }
}
