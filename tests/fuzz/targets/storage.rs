//! Any bytes as `storage.cfg`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pve_tests::properties;

fuzz_target!(|data: &[u8]| properties::storage(data));
