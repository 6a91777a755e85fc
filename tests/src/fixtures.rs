//! The files in `fixtures/`.

use std::path::{Path, PathBuf};

/// The folder of the fixtures.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The content of a fixture.
///
/// # Panics
/// If there is no such file.
pub fn read(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The content of a fixture that is a text.
///
/// # Panics
/// If there is no such file, or it is no text.
pub fn text(name: &str) -> String {
    String::from_utf8(read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All files of a folder below `fixtures/`, by name.
///
/// # Panics
/// If there is no such folder.
pub fn all(name: &str) -> Vec<(String, Vec<u8>)> {
    let path = folder().join(name);
    let entries =
        std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .map(|file| (file.clone(), read(&format!("{name}/{file}"))))
        .collect();
    files.sort();
    files
}
