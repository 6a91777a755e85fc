//! Any bytes as `<CTID>.conf` and as `datacenter.cfg`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pve_tests::properties;

fuzz_target!(|data: &[u8]| properties::container(data));
