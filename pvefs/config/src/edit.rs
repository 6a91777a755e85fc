//! Edits that touch only the lines they must.
//!
//! Each edit splices the text and parses it again, so that a document is always what its text says.

use crate::description::encode_description;
use crate::document::{Document, LineKind, Section, classify};
use crate::schema::split_index;
use std::cmp::Ordering;
use std::ops::Range;

/// Why an edit was not made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EditError {
    /// There is no such section.
    #[error("there is no section [{0}]")]
    NoSection(String),
    /// There is one already.
    #[error("there is a section [{0}] already")]
    SectionExists(String),
    /// A key or value has a line break in it, or is empty.
    #[error("{0:?} cannot stand in one line")]
    NotOneLine(String),
    /// A text that cannot be a key, or not the name of a section.
    #[error("{0:?} cannot be the name of an option or a section")]
    BadName(String),
}

/// The order in which a person looks for keys: by name, then by number.
fn by_name_and_number(a: &str, b: &str) -> Ordering {
    let (a_name, a_index) = split_index(a);
    let (b_name, b_index) = split_index(b);
    a_name.cmp(b_name).then(a_index.cmp(&b_index))
}

impl Document {
    fn find(&self, section: Option<&str>) -> Result<&Section, EditError> {
        match section {
            None => Ok(self.main()),
            Some(name) => self.section(name).ok_or_else(|| EditError::NoSection(name.to_owned())),
        }
    }

    fn splice(&mut self, range: Range<usize>, replacement: &str) {
        let mut text = String::with_capacity(self.text().len() + replacement.len());
        text.push_str(&self.text()[..range.start]);
        text.push_str(replacement);
        text.push_str(&self.text()[range.end..]);
        *self = Self::parse(text);
    }

    /// The line ending that the document uses: that of its first line that has one.
    fn newline(&self) -> &'static str {
        match self.lines().first() {
            Some(first) if self.text()[first.span.end..first.end].starts_with('\r') => "\r\n",
            _ => "\n",
        }
    }

    /// Puts `lines`, without line endings, before line `index`. After a last line without an ending the new ones have
    /// none either, so that taking them away again gives back the text.
    fn insert_lines(&mut self, index: usize, lines: &[String]) {
        let at = self.lines().get(index).map_or(self.text().len(), |line| line.span.start);
        let is_unfinished =
            at == self.text().len() && !self.text().is_empty() && !self.text().ends_with('\n');
        // A carriage return at the end of the text would become a part of a bare line feed's ending.
        let newline =
            if is_unfinished && self.text().ends_with('\r') { "\r\n" } else { self.newline() };
        let mut block = String::new();
        for line in lines {
            let parts = if is_unfinished { [newline, line] } else { [line, newline] };
            block.extend(parts);
        }
        self.splice(at..at, &block);
    }

    fn remove_lines(&mut self, is_removed: impl Fn(usize) -> bool) {
        let text = self.text();
        let mut left = String::with_capacity(text.len());
        for (index, line) in self.lines().iter().enumerate() {
            if !is_removed(index) {
                left.push_str(&text[line.span.start..line.end]);
            }
        }
        // The last line had no ending: the one that ends the text now has none either.
        if !text.ends_with('\n') && self.lines().len().checked_sub(1).is_some_and(is_removed) {
            let kept = left.strip_suffix('\n').map(|kept| kept.strip_suffix('\r').unwrap_or(kept));
            left.truncate(kept.map_or(left.len(), str::len));
        }
        *self = Self::parse(left);
    }

    /// Where a new option belongs: after the one that comes before it in the order of people (`net1` after `net0`), in a
    /// section that is kept sorted at its place, otherwise after the last option. `lxc.*` lines come after the options,
    /// as the reference writes them, and in no order of their own.
    fn place_for(&self, section: &Section, key: &str) -> usize {
        let is_raw = |key: &str| key.starts_with("lxc.");
        let (same_kind, other_kind): (Vec<_>, Vec<_>) =
            self.options(section).partition(|option| is_raw(option.key) == is_raw(key));
        let name = split_index(key).0;
        let family = same_kind.iter().filter(|option| split_index(option.key).0 == name);
        let before = family
            .clone()
            .filter(|option| by_name_and_number(option.key, key).is_le())
            .max_by(|a, b| by_name_and_number(a.key, b.key));
        let after = family.min_by(|a, b| by_name_and_number(a.key, b.key));
        match (before, after) {
            (Some(before), _) => return before.line + 1,
            (None, Some(after)) => return after.line,
            (None, None) => {}
        }
        let (Some(first), Some(last)) = (same_kind.first(), same_kind.last()) else {
            let end = self.description_lines(section).end;
            return if is_raw(key) {
                other_kind.last().map_or(end, |last| last.line + 1)
            } else {
                other_kind.first().map_or(end, |first| first.line)
            };
        };
        if is_raw(key) || !same_kind.is_sorted_by(|a, b| a.key <= b.key) {
            return last.line + 1;
        }
        let before = same_kind.iter().rev().find(|option| option.key < key);
        before.map_or(first.line, |before| before.line + 1)
    }

    /// Sets `key` to `value` in the section of that name, in the main one for `None`. Where the key is there already
    /// only its value changes; the white space around it and all else stays. Of duplicates the last one changes, which
    /// is the one that counts.
    ///
    /// # Errors
    /// When there is no such section, or key or value do not fit in one line.
    pub fn set(&mut self, section: Option<&str>, key: &str, value: &str) -> Result<(), EditError> {
        let new = option_line(key, value)?;
        if key == "description" {
            return self.set_description(section, value);
        }
        let found = self.find(section)?;
        match self.option(found, key).map(|option| option.line) {
            Some(line) => self.replace_value(line, value),
            None => {
                let at = self.place_for(found, key);
                self.insert_lines(at, &[new]);
            }
        }
        Ok(())
    }

    fn replace_value(&mut self, line: usize, value: &str) {
        if let LineKind::Option { value: span, .. } = self.lines()[line].kind.clone() {
            let separator = if span.is_empty() { " " } else { "" };
            self.splice(span, &format!("{separator}{value}"));
        }
    }

    /// Adds a line `key: value` after the last one of the same key, for keys that may be there several times.
    ///
    /// # Errors
    /// As [`Document::set`].
    pub fn add(&mut self, section: Option<&str>, key: &str, value: &str) -> Result<(), EditError> {
        let new = option_line(key, value)?;
        let at = self.place_for(self.find(section)?, key);
        self.insert_lines(at, &[new]);
        Ok(())
    }

    /// Removes every line of `key` from a section. Comments stay, but for `description`, which is the block of them at
    /// the head. Returns whether there was one.
    ///
    /// # Errors
    /// When there is no such section.
    pub fn delete(&mut self, section: Option<&str>, key: &str) -> Result<bool, EditError> {
        let found = self.find(section)?;
        let head = if key == "description" { self.description_lines(found) } else { 0..0 };
        let lines: Vec<_> = self
            .options(found)
            .filter(|option| option.key == key)
            .map(|found| found.line)
            .collect();
        let is_there = !head.is_empty() || !lines.is_empty();
        if is_there {
            self.remove_lines(|line| head.contains(&line) || lines.binary_search(&line).is_ok());
        }
        Ok(is_there)
    }

    /// Replaces the description of a section: its `description:` line if it is that, otherwise the block of comment lines
    /// at its head. An empty text removes it.
    ///
    /// # Errors
    /// When there is no such section.
    pub fn set_description(&mut self, section: Option<&str>, text: &str) -> Result<(), EditError> {
        let found = self.find(section)?;
        let line = self.option(found, "description").map(|option| option.line);
        if let Some(line) = line
            && !text.is_empty()
            && self.description_lines(found).is_empty()
        {
            self.replace_value(line, &encode_in_one_line(text));
            return Ok(());
        }
        self.delete(section, "description")?;
        if text.is_empty() {
            return Ok(());
        }
        let left = self.find(section)?;
        let at = left.lines.start;
        // A comment that stood below a `description:` line is to stay one.
        let is_above_comment = !self.description_lines(left).is_empty();
        let mut lines: Vec<_> = text
            .strip_suffix('\n')
            .unwrap_or(text)
            .split('\n')
            .map(|line| format!("#{}", encode_description(line)))
            .collect();
        lines.extend(is_above_comment.then(String::new));
        self.insert_lines(at, &lines);
        Ok(())
    }

    /// Adds a section with these options at the end, after a blank line; `pve:pending` before the snapshots.
    ///
    /// # Errors
    /// When there is one of that name, or a name or value does not fit in one line.
    pub fn add_section(
        &mut self,
        name: &str,
        options: &[(String, String)],
    ) -> Result<(), EditError> {
        if name.is_empty() || name.contains([']', '\n', '\r']) {
            return Err(EditError::BadName(name.to_owned()));
        }
        if self.section(name).is_some() {
            return Err(EditError::SectionExists(name.to_owned()));
        }
        let mut lines = vec![format!("[{name}]")];
        for (key, value) in options {
            lines.push(option_line(key, value)?);
        }
        let first_snapshot = self.sections().get(1).map(|section| section.lines.start - 1);
        match first_snapshot {
            Some(index) if name == crate::document::PENDING => {
                lines.push(String::new());
                self.insert_lines(index, &lines);
            }
            _ => {
                if !self.lines().is_empty() {
                    lines.insert(0, String::new());
                }
                self.insert_lines(self.lines().len(), &lines);
            }
        }
        Ok(())
    }

    /// Removes the section of that name with its header, and the blank line before the last one. Returns whether there
    /// was one.
    pub fn remove_section(&mut self, name: &str) -> bool {
        let Some(section) = self.section(name) else { return false };
        let mut lines = section.lines.start - 1..section.lines.end;
        let is_last = lines.end == self.lines().len();
        if is_last && lines.start > 0 && self.lines()[lines.start - 1].kind == LineKind::Blank {
            lines.start -= 1;
        }
        self.remove_lines(|line| lines.contains(&line));
        true
    }
}

/// The line `key: value`, if that is what a reader makes of it.
fn option_line(key: &str, value: &str) -> Result<String, EditError> {
    for text in [key, value] {
        if text.is_empty() || text.contains(['\n', '\r']) || text.trim_matches([' ', '\t']) != text
        {
            return Err(EditError::NotOneLine(text.to_owned()));
        }
    }
    let line = format!("{key}: {value}");
    match classify(&line, 0..line.len()) {
        LineKind::Option { key: found, .. } if line[found.clone()] == *key => Ok(line),
        _ => Err(EditError::BadName(key.to_owned())),
    }
}

/// `text` as the value of a `description:` line, whose ends have no white space.
fn encode_in_one_line(text: &str) -> String {
    let encoded = encode_description(text);
    let rest = encoded.trim_start_matches(' ');
    let middle = rest.trim_end_matches(' ');
    let spaces = |count: usize| "%20".repeat(count);
    format!("{}{middle}{}", spaces(encoded.len() - rest.len()), spaces(rest.len() - middle.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, edit: impl FnOnce(&mut Document)) -> String {
        let mut document = Document::parse(text);
        edit(&mut document);
        document.text().to_owned()
    }

    #[test]
    fn setting_keeps_the_rest_of_the_line_and_all_others() {
        let text = "# head\nmemory:\t512  \r\n#mid\nswap: 1\n[one]\nmemory: 3\n";
        let after = edited(text, |document| document.set(None, "memory", "600").unwrap());
        assert_eq!(after, text.replacen("512", "600", 1));
        let back = edited(&after, |document| document.set(None, "memory", "512").unwrap());
        assert_eq!(back, text);
    }

    #[test]
    fn a_new_option_goes_where_a_person_looks() {
        let text = "# head\narch: amd64\n# nets\nnet0: name=a\nnet10: name=b\nswap: 1\n";
        let set = |key: &str| edited(text, |document| document.set(None, key, "v").unwrap());
        assert_eq!(set("net2"), text.replace("net10", "net2: v\nnet10"));
        assert_eq!(set("net11"), text.replace("swap", "net11: v\nswap"));
        assert_eq!(set("memory"), text.replace("# nets", "memory: v\n# nets"));
        assert_eq!(set("aaa"), text.replace("arch", "aaa: v\narch"));
        assert_eq!(set("zzz"), format!("{text}zzz: v\n"));
        let unsorted = "swap: 1\narch: amd64\n\n[one]\nswap: 2\n";
        let after = edited(unsorted, |document| document.set(None, "memory", "9").unwrap());
        assert_eq!(after, "swap: 1\narch: amd64\nmemory: 9\n\n[one]\nswap: 2\n");
    }

    #[test]
    fn deleting_what_was_added_gives_back_the_text() {
        for text in ["", "a: 1", "a: 1\n", "# c", "a: 1\r\nb: 2", "z: 1\n\n[one]\nb: 2"] {
            for section in [None, Document::parse(text).section("one").map(|_| "one")] {
                let after = edited(text, |document| {
                    document.set(section, "memory", "1").unwrap();
                    assert!(document.text().contains("memory: 1"));
                    assert!(document.delete(section, "memory").unwrap());
                });
                assert_eq!(after, text);
            }
        }
    }

    #[test]
    fn a_section_can_be_added_and_removed() {
        for text in ["", "a: 1\n", "a: 1", "a: 1\n\n", "a: 1\n\n[two]\nb: 1\n"] {
            let options = [("memory".to_owned(), "5".to_owned())];
            let after = edited(text, |document| {
                document.add_section("one", &options).unwrap();
                let section = document.section("one").unwrap();
                assert_eq!(document.option(section, "memory").unwrap().value, "5");
                assert!(document.remove_section("one"));
            });
            assert_eq!(after, text);
        }
        let pending = edited("a: 1\n\n[two]\nb: 1\n", |document| {
            document.add_section("pve:pending", &[("b".into(), "2".into())]).unwrap();
        });
        assert_eq!(pending, "a: 1\n\n[pve:pending]\nb: 2\n\n[two]\nb: 1\n");
    }

    #[test]
    fn the_description_is_replaced_as_a_block() {
        let after = edited("#old\n#er\nmemory: 5\n", |document| {
            document.set(None, "description", "a:b").unwrap();
        });
        assert_eq!(after, "#a%3Ab\nmemory: 5\n");
        let lines = edited("memory: 5\n", |d| d.set_description(None, "one\ntwo\n").unwrap());
        assert_eq!(lines, "#one\n#two\nmemory: 5\n");
    }

    #[test]
    fn values_that_are_more_than_a_line_are_refused() {
        let mut document = Document::parse("a: 1\n");
        for value in ["", "x\ny", " x", "x\r"] {
            assert!(matches!(document.set(None, "b", value), Err(EditError::NotOneLine(_))));
        }
        assert_eq!(
            document.set(Some("nope"), "b", "1"),
            Err(EditError::NoSection("nope".to_owned()))
        );
        assert_eq!(document.text(), "a: 1\n");
    }
}
