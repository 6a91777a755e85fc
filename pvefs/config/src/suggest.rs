//! "Did you mean": the known word that is closest to an unknown one.

/// The word of `known` that a person most likely meant by `unknown`, if one is close.
pub fn closest<'w>(unknown: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let lower = unknown.to_ascii_lowercase();
    // One mistake in three characters, so that short words do not match everything.
    let most = (lower.chars().count() / 3).clamp(1, 3);
    // Unbounded input: the distance takes quadratic time.
    if lower.len() > 64 {
        return None;
    }
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&lower, &word.to_ascii_lowercase()), word))
        .filter(|&(distance, word)| distance <= most && distance < word.len())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, word)| word)
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
        assert_eq!(closest("banana", known), None);
        assert_eq!(closest(&"m".repeat(100_000), known), None);
    }
}
