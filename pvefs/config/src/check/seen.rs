//! The keys of a section that were met already.

use std::collections::HashMap;

/// A map that is a list while it is small, since hashing costs more then.
pub(super) struct Seen<'a, T> {
    few: Vec<(&'a str, T)>,
    many: HashMap<&'a str, T>,
}

impl<T> Default for Seen<'_, T> {
    fn default() -> Self {
        Self { few: Vec::new(), many: HashMap::new() }
    }
}

impl<'a, T: Clone> Seen<'a, T> {
    const FEW: usize = 32;

    /// What was put in for `key` before; puts in `what` if nothing was.
    pub fn insert(&mut self, key: &'a str, what: T) -> Option<T> {
        if self.many.is_empty() {
            if let Some((_, first)) = self.few.iter().find(|(seen, _)| *seen == key) {
                return Some(first.clone());
            }
            if self.few.len() < Self::FEW {
                self.few.push((key, what));
                return None;
            }
            self.many.extend(self.few.drain(..));
        }
        if let Some(first) = self.many.get(key) {
            return Some(first.clone());
        }
        self.many.insert(key, what);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn the_first_is_kept_also_beyond_the_list() {
        let keys: Vec<String> = (0..200).map(|number| format!("k{number}")).collect();
        let mut seen = Seen::default();
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(seen.insert(key, number), None);
        }
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(seen.insert(key, 999), Some(number));
        }
    }
}
