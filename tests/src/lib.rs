//! Helpers that tests, fuzz targets and benchmarks share.
#![forbid(unsafe_code)]

pub mod fixtures;
pub mod properties;
