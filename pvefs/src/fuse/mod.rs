//! The adapter between the kernel and `crate::fs`.
