//! Names with `*` in them: of files to include, and of models.

use crate::words::fits_pattern;
use std::io;
use std::path::{Component, Path, PathBuf};

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
                    entry.to_str().is_some_and(|entry| !entry.starts_with('.') && fits_pattern(name, entry));
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
