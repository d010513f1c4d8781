//! Patterns of names: `*` stands for any text.

/// Whether `name` fits `pattern`, where `*` stands for any text.
pub fn fits_pattern(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut tail) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match tail.find(part) {
            Some(at) => tail = &tail[at + part.len()..],
            None => return false,
        }
    }
    tail.len() >= end.len() && tail.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(fits_pattern("fraud", "fraud") && !fits_pattern("fraud", "fraud2"));
        assert!(fits_pattern("fraud-*", "fraud-eu") && fits_pattern("*", ""));
        assert!(fits_pattern("a*b*c", "a-b-b-c") && !fits_pattern("a*b*c", "a-c"));
        assert!(!fits_pattern("ab*ba", "aba"), "no letter is used twice");
    }
}
