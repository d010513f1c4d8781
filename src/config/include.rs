//! Names with `*` in them: of files to include, and of models.

use std::io;
use std::path::{Component, Path, PathBuf};

/// Whether `text` fits `pattern`, in which each `*` stands for any text, none included.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        // The leftmost fit leaves the most for the parts that follow.
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// The files that `pattern` names, sorted. A name without `*` must exist, and so must the directory
/// that a name with `*` is looked for in. `*` does not stand for the dot of a hidden file.
pub(super) fn files(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = match component {
            Component::Normal(name) => name.to_str().filter(|name| name.contains('*')),
            _ => None,
        };
        let Some(name) = name else {
            found.iter_mut().for_each(|path| path.push(component));
            continue;
        };
        let mut below = Vec::new();
        for directory in found {
            let place = if directory.as_os_str().is_empty() { Path::new(".") } else { &directory };
            for entry in std::fs::read_dir(place)? {
                let entry = entry?.file_name();
                let fits =
                    entry.to_str().is_some_and(|entry| !entry.starts_with('.') && matches(name, entry));
                if fits {
                    below.push(directory.join(entry));
                }
            }
        }
        found = below;
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text) in
            [("*", ""), ("*", "a"), ("a*", "abc"), ("*c", "abc"), ("a*b*c", "a-b-b-c"), ("abc", "abc")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("abc", "abcd"), ("a*a", "a"), ("a*", "ba"), ("*.toml", "a.tom"), ("", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
