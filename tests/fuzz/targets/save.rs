//! Any two texts, split at the first NUL byte, as what was stored and what is saved; and edits of the first.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pve_tests::properties;

fuzz_target!(|data: &[u8]| properties::save(data));
