//! The description: the block of comment lines at the head of a section, in the reference's encoding.

use crate::document::{Document, LineKind, Section};
use std::ops::Range;

impl Document {
    /// The lines of the comment block at the head of a section.
    pub fn description_lines(&self, section: &Section) -> Range<usize> {
        let start = section.lines.start;
        let count = self.lines()[section.lines.clone()]
            .iter()
            .take_while(|line| line.kind == LineKind::Comment)
            .count();
        start..start + count
    }

    /// The description of a section, decoded; `None` where there is none. A `description:` line counts too, after the
    /// comments.
    pub fn description(&self, section: &Section) -> Option<String> {
        let mut bytes = Vec::new();
        for line in &self.lines()[self.description_lines(section)] {
            decode(&self.text()[line.span.start + 1..line.span.end], &mut bytes);
            bytes.push(b'\n');
        }
        if let Some(option) = self.option(section, "description") {
            decode(option.value, &mut bytes);
        }
        (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Percent-decodes `text`; a `%` that two hexadecimal digits do not follow stands for itself.
fn decode(text: &str, into: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes[at..]
            .strip_prefix(b"%")
            .and_then(|rest| rest.get(..2))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        into.push(hex.unwrap_or(bytes[at]));
        at += if hex.is_some() { 3 } else { 1 };
    }
}

/// Encodes one line of a description as the reference does: all but printable ASCII, and `%` and `:`, in percent form.
pub fn encode_description(line: &str) -> String {
    let mut encoded = String::with_capacity(line.len());
    for byte in line.bytes() {
        if (0x20..=0x7e).contains(&byte) && byte != b'%' && byte != b':' {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_comments_are_the_description() {
        let document = Document::parse("# Web%3A höst\n#two%\nmemory: 512\n# not this\n");
        assert_eq!(document.description(document.main()).unwrap(), " Web: höst\ntwo%\n");
        let document = Document::parse("a: 1\n# x\n");
        assert_eq!(document.description(document.main()), None);
    }

    #[test]
    fn encoding_and_decoding_give_back_the_text() {
        for text in ["plain", "a:b%41", "höst\ttab", "100 %", "%zz"] {
            let mut decoded = Vec::new();
            decode(&encode_description(text), &mut decoded);
            assert_eq!(String::from_utf8(decoded).unwrap(), text);
        }
        assert_eq!(encode_description("a:b"), "a%3Ab");
    }
}
