//! What the fuzzer found, once more.

use pve_tests::{fixtures, properties};

fn replay(target: &str, run: fn(&[u8])) {
    let files = fixtures::all(&format!("corpus/{target}"));
    assert!(files.len() >= 3, "the corpus of {target} is missing");
    for (name, data) in files {
        assert!(data.len() < 2048, "{name}: keep the corpus small");
        let result = std::panic::catch_unwind(|| run(&data));
        assert!(result.is_ok(), "corpus/{target}/{name} fails");
    }
}

#[test]
fn container() {
    replay("container", properties::container);
}

#[test]
fn storage() {
    replay("storage", properties::storage);
}

#[test]
fn save() {
    replay("save", properties::save);
}
