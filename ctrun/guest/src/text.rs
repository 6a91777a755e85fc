//! Files of guests as text, without losing a byte.
//!
//! Configuration files are UTF-8 or, in old guests, some 8-bit encoding. The latter is read as Latin-1, which gives each
//! byte one character and each such character its byte back.

use std::borrow::Cow;

/// How the bytes of a file became text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Latin1,
}

pub(crate) fn decode(bytes: &[u8]) -> (Cow<'_, str>, Encoding) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), Encoding::Utf8),
        Err(_) => (bytes.iter().map(|&byte| char::from(byte)).collect(), Encoding::Latin1),
    }
}

pub(crate) fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
    if encoding == Encoding::Utf8 {
        return text.as_bytes().to_vec();
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c)) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}

/// Adds the line ending that the last line lacks.
pub(crate) fn end_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// The value of `KEY=value` in a file of shell assignments, without its quotes. The last one counts, as in a shell.
pub(crate) fn shell_value(text: &str, key: &str) -> Option<String> {
    let lines = text.lines().rev().filter_map(|line| line.trim().strip_prefix(key));
    let value = lines.filter_map(|rest| rest.strip_prefix('=')).next()?;
    let value = value.trim();
    let quoted = |q: char| value.strip_prefix(q).and_then(|rest| rest.strip_suffix(q));
    Some(quoted('"').or_else(|| quoted('\'')).unwrap_or(value).to_owned())
}

/// Sets keys in a file of shell assignments: the first line of each key is changed in place, later ones and those of
/// keys without value go, missing ones are added at the end. All other lines stay as they are.
pub(crate) fn set_shell_values(old: &str, values: &[(&str, Option<String>)]) -> String {
    let mut done = vec![false; values.len()];
    let mut text = String::with_capacity(old.len());
    for line in old.split_inclusive('\n') {
        let key = line.split_once('=').map_or("", |(key, _)| key.trim());
        let Some(at) = values.iter().position(|(name, _)| *name == key) else {
            text.push_str(line);
            continue;
        };
        if let (Some(value), false) = (&values[at].1, done[at]) {
            text.push_str(&format!("{key}={value}\n"));
        }
        done[at] = true;
    }
    for ((key, value), done) in values.iter().zip(done) {
        if let (Some(value), false) = (value, done) {
            end_line(&mut text);
            text.push_str(&format!("{key}={value}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_lost() {
        for bytes in [&b"caf\xe9 \xff\x00"[..], "caf\u{e9}".as_bytes(), b""] {
            let (text, encoding) = decode(bytes);
            assert_eq!(encode(&text, encoding), bytes);
        }
    }

    #[test]
    fn shell_values_are_unquoted_and_the_last_one_counts() {
        let text = "ID=a\n ID=\"b c\"\nVERSION_ID='9'\nIDX=no\n";
        assert_eq!(shell_value(text, "ID").as_deref(), Some("b c"));
        assert_eq!(shell_value(text, "VERSION_ID").as_deref(), Some("9"));
        assert_eq!(shell_value(text, "NAME"), None);
    }

    #[test]
    fn set_values_keep_the_rest() {
        let old = "# c\nA=1\nB=2\nA=3\nC=4";
        let new =
            set_shell_values(old, &[("A", Some("x".into())), ("B", None), ("D", Some("y".into()))]);
        assert_eq!(new, "# c\nA=x\nC=4\nD=y\n");
    }
}
