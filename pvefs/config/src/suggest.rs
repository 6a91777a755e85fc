//! "Did you mean": the known word that is closest to an unknown one.

/// The word of `known` that a person most likely meant by `unknown`, if one is close: one that differs by a slip or
/// two, or one that is cut short in the middle or later.
pub fn closest<'w>(unknown: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    // The distance takes quadratic time, and no word is longer.
    if unknown.len() > 64 {
        return None;
    }
    let unknown = unknown.to_ascii_lowercase();
    // One mistake in three characters, so that short words do not match everything.
    let most = (unknown.chars().count() / 3).clamp(1, 3);
    let mut best: Option<(usize, &str)> = None;
    for word in known {
        // Beginnings count as farther than any slip.
        let distance = if word.len().abs_diff(unknown.len()) <= most {
            strsim::osa_distance(&unknown, &word.to_ascii_lowercase())
        } else {
            most + 1
        };
        let is_near = distance <= most && distance < word.len();
        let is_cut = unknown.len() >= 3
            && unknown.len() * 2 >= word.len()
            && word.get(..unknown.len()).is_some_and(|head| head.eq_ignore_ascii_case(&unknown));
        let distance = if is_near { distance } else { most + 1 };
        if (is_near || is_cut) && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, word));
        }
    }
    best.map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_close_word_is_found_and_a_far_one_is_not() {
        let known = ["memory", "swap", "net", "mp", "cores"];
        assert_eq!(closest("memroy", known), Some("memory"));
        assert_eq!(closest("Memory", known), Some("memory"));
        assert_eq!(closest("core", known), Some("cores"));
        assert_eq!(closest("mem", known), Some("memory"));
        assert_eq!(closest("banana", known), None);
        assert_eq!(closest("nte", known), Some("net"));
        assert_eq!(closest(&"m".repeat(100_000), known), None);
    }
}
