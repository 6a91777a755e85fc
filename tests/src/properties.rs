//! What must hold for any bytes at all. Called by property tests, by the replay of the corpus, and by the fuzz targets,
//! so that what one of them finds all of them know.

use pve_config::{
    Config, Diagnostic, Document, FileKind, LineIndex, Report, StorageDocument, check, check_line,
    check_save, check_written_line, diff,
};

/// A line never has more errors than this: 64 of one list, 64 of the others, and some about the line as a whole.
const MOST_IN_A_LINE: usize = 200;

/// Any bytes as a container's configuration, and as `datacenter.cfg`.
///
/// # Panics
/// If something does not hold.
pub fn container(data: &[u8]) {
    for kind in [FileKind::Container(Some(100)), FileKind::Datacenter] {
        let report = check(kind, data);
        places(&report.diagnostics, data);
        lines(kind, data, &report);
    }
    let text = String::from_utf8_lossy(data);
    let document = Document::parse(text.clone());
    assert_eq!(document.text(), text);
    covers(&document);
    for section in document.sections() {
        views(&Config::new(&document, section));
        let _ = document.description(section);
        assert_eq!(diff((&document, section), (&document, section)), []);
    }
}

/// Any bytes as `storage.cfg`.
///
/// # Panics
/// If something does not hold.
pub fn storage(data: &[u8]) {
    let report = check(FileKind::Storage, data);
    places(&report.diagnostics, data);
    places(&check_line(FileKind::Storage, data).diagnostics, data);
    let text = String::from_utf8_lossy(data);
    let document = StorageDocument::parse(text.clone());
    assert_eq!(document.text(), text);
    for section in document.sections() {
        let name = &document.text()[section.name.clone()];
        assert!(document.section(name).is_some());
        for property in &section.properties {
            let key = &document.text()[property.key.clone()];
            assert!(document.get(section, key).is_some());
            let _ = document.flag(section, key);
        }
    }
}

/// Any two texts, split at the first NUL byte, as what was stored and what is saved; and edits of the first.
///
/// # Panics
/// If something does not hold.
pub fn save(data: &[u8]) {
    let at = data.iter().position(|&byte| byte == 0);
    let (old, new) = at.map_or((data, data), |at| (&data[..at], &data[at + 1..]));
    for kind in [FileKind::Container(None), FileKind::Datacenter, FileKind::Storage] {
        let report = check_save(kind, Some(old), new);
        places(&report.diagnostics, new);
        let same = check_save(kind, Some(old), old);
        assert!(!same.is_refused(), "a save that changes nothing is refused: {same:?}");
        let fresh = check(kind, new);
        assert!(!report.is_refused() || fresh.is_refused() || has_altered(&report));
    }
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let (before, after) = (Document::parse(old.as_ref()), Document::parse(new.as_ref()));
    let forth = diff((&before, before.main()), (&after, after.main()));
    let back = diff((&after, after.main()), (&before, before.main()));
    let keys = |changes: &[pve_config::OptionChange]| -> Vec<String> {
        changes.iter().map(|change| change.key.clone()).collect()
    };
    assert_eq!(keys(&forth), keys(&back));
    for option in after.options(after.main()).take(8) {
        set_and_restore(&old, None, option.key, option.value);
    }
    if let Some(name) = before.sections().last().and_then(|section| before.name(section)) {
        set_and_restore(&old, Some(name), "memory", "4711");
        set_and_restore(&old, Some(name), "lxc.idmap", "u 0 1 2");
    }
}

fn has_altered(report: &Report) -> bool {
    report.errors().any(|found| found.code == "altered-snapshot")
}

/// Sets an option and sets it back, or removes it if it was not there: the bytes are the same again, and no line but the
/// one of the option was another in between.
///
/// # Panics
/// If that does not hold.
pub fn set_and_restore(text: &str, section: Option<&str>, key: &str, value: &str) {
    let mut document = Document::parse(text);
    let old = section
        .map_or(Some(document.main()), |name| document.section(name))
        .and_then(|section| document.option(section, key))
        .map(|option| option.value.to_owned());
    // The description is a block of lines; an empty value and one with a carriage return are none to set again.
    let cannot_be_set = |old: &str| old.is_empty() || old.contains('\r');
    if key == "description" || old.as_deref().is_some_and(cannot_be_set) {
        return;
    }
    if document.set(section, key, value).is_err() {
        assert_eq!(document.text(), text, "an edit that fails leaves the text alone");
        return;
    }
    let edited = document.text().to_owned();
    covers(&document);
    let found = section.map_or(Some(document.main()), |name| document.section(name)).unwrap();
    assert_eq!(document.option(found, key).unwrap().value, value, "{edited:?}");
    one_line_differs(text, &edited, old.is_none());
    match old {
        Some(old) => document.set(section, key, &old).unwrap(),
        None => assert!(document.delete(section, key).unwrap()),
    }
    assert_eq!(document.text(), text, "after {edited:?}");
}

/// Whether two texts are the same but for one line that is different, or new in the second.
fn one_line_differs(before: &str, after: &str, is_new: bool) {
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b);
    let tail = tail.count();
    assert!(new.len() <= head + tail + 1, "{before:?} became {after:?}");
    assert!(old.len() <= head + tail + usize::from(!is_new), "{before:?} became {after:?}");
}

/// The lines cover the text without gap or overlap, and hold what they say they hold.
fn covers(document: &Document) {
    let mut at = 0;
    for line in document.lines() {
        assert_eq!(line.span.start, at);
        assert!(line.span.end <= line.end);
        assert!(matches!(&document.text()[line.span.end..line.end], "" | "\n" | "\r\n"));
        at = line.end;
    }
    assert_eq!(at, document.text().len());
}

/// Every place is in the text, every message is a short line without a full stop, and no line has countless errors.
fn places(diagnostics: &[Diagnostic], text: &[u8]) {
    let index = LineIndex::new(text);
    let mut last = (0, 0);
    for found in diagnostics {
        let spans = std::iter::once(&found.span).chain(found.related.as_ref().map(|it| &it.span));
        for span in spans {
            assert!(span.start <= span.end && span.end <= text.len(), "{found:?}");
        }
        for text in [&found.message, &found.label].into_iter().chain(&found.help) {
            assert!(!text.contains(['\n', '\0', '\u{1b}']), "{found:?}");
            assert!(!text.ends_with('.') && text.len() < 1000, "{found:?}");
        }
        assert!(!found.message.is_empty() && !found.label.is_empty(), "{found:?}");
        let line = index.position(found.span.start).line;
        last = if last.0 == line { (line, last.1 + 1) } else { (line, 1) };
        assert!(last.1 <= MOST_IN_A_LINE, "line {line} has countless diagnostics");
    }
    assert!(diagnostics.is_sorted_by_key(|found| found.span.start));
}

/// A line is refused on its own only if the file is refused for it, and is not refused if it was there before.
fn lines(kind: FileKind, data: &[u8], report: &Report) {
    let mut repeats = 4;
    for line in data.split(|&byte| byte == b'\n').take(24) {
        let alone = check_line(kind, line);
        places(&alone.diagnostics, line);
        if alone.is_refused() {
            let quoted = String::from_utf8_lossy(line);
            assert!(report.is_refused(), "{quoted:?} is refused and the file is not: {alone:?}");
            // Each of these checks the whole file again.
            if repeats > 0 {
                repeats -= 1;
                let again = check_written_line(kind, Some(data), line);
                assert!(!again.is_refused(), "{quoted:?} was there: {again:?}");
            }
        }
    }
}

fn views(config: &Config<'_>) {
    let _ = (config.rootfs(), config.mount_points(), config.nets(), config.devices());
    let _ = (config.unused(), config.features(), config.startup(), config.raw());
    for (key, value, option) in config.known() {
        let is_valid = option.format.problems(value).is_empty();
        assert!(!is_valid || option.count > 0 || config.line(key).is_some());
        let _ = (config.get(key), config.list(option.name), config.text(option.name));
        let _ =
            (config.boolean(option.name), config.integer(option.name), config.number(option.name));
    }
}
