//! The rules of this repository that a machine can hold: what may import what, the shape of files and
//! functions, leftovers, and that the README's commands exist.
//!
//! Each check is a function from text to complaints, tried on a small made-up input that breaks its rule
//! and then on the repository. It reads Rust as text, with comments and strings blanked out: enough for
//! these rules, and no more than that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 100;

/// A file of the repository: its path from the root, with `/`, and its text.
type File = (String, String);

// --- the rules ---------------------------------------------------------------------------------------

/// A module imports only from lower floors, or on its own floor from modules that stand above it in lib.rs.
fn imports(lib: &str, files: &[File]) -> Vec<String> {
    let (modules, mut complaints) = floors(lib);
    for (path, text) in files {
        let Some(inner) = path.strip_prefix("src/") else { continue };
        let parts: Vec<&str> = inner.trim_end_matches(".rs").split('/').filter(|p| *p != "mod").collect();
        if inner == "lib.rs" || inner == "main.rs" || parts.contains(&"tests") {
            continue;
        }
        let Some(&own) = modules.get(parts[0]) else {
            complaints.push(format!("{path}: lib.rs does not list the module {}", parts[0]));
            continue;
        };
        let code = without_tests(&code(text));
        for (line, name) in crate_paths(&code) {
            let Some(&other) = modules.get(name.as_str()) else { continue };
            if other > own {
                let (from, to) = (own.0, other.0);
                complaints.push(format!(
                    "{path}:{line}: {} (floor {from}) imports from {name} (floor {to}), which does not stand below it",
                    parts[0]
                ));
            }
        }
        for (at, _) in code.match_indices("super::").filter(|(at, _)| !code[..*at].ends_with("super::")) {
            let chain = code[at..].len() - code[at..].trim_start_matches("super::").len();
            if chain / "super::".len() >= parts.len() {
                let line = line_of(&code, at);
                complaints.push(format!("{path}:{line}: `super` leads out of {}; write `crate::`", parts[0]));
            }
        }
    }
    complaints
}

/// A file opens with the documentation of its module.
fn module_docs(files: &[File]) -> Vec<String> {
    let bare = files.iter().filter(|(_, text)| !text.starts_with("//!"));
    bare.map(|(path, _)| format!("{path}:1: opens without `//!`: say what the file is for")).collect()
}

/// A file of `src` stays short enough to be read at once.
fn file_lengths(files: &[File]) -> Vec<String> {
    let counted = files.iter().map(|(path, text)| (path, text.lines().count()));
    let long = counted.filter(|(path, lines)| path.starts_with("src/") && *lines > FILE_LINES_MAX);
    long.map(|(path, lines)| format!("{path}: {lines} lines, {FILE_LINES_MAX} is the most: split it"))
        .collect()
}

/// A function fits on a large screen.
fn function_lengths(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in files {
        let code = code(text);
        for (at, _) in code.match_indices("fn ") {
            let name: String = code[at + 3..].chars().take_while(|c| is_word(*c)).collect();
            if name.is_empty() || code[..at].ends_with(is_word) {
                continue;
            }
            let Some(end) = body_end(&code, at) else { continue };
            let lines = code[at..end].lines().count();
            if lines > FUNCTION_LINES_MAX {
                let line = line_of(&code, at);
                complaints.push(format!(
                    "{path}:{line}: fn {name} has {lines} lines, {FUNCTION_LINES_MAX} is the most"
                ));
            }
        }
    }
    complaints
}

/// Nothing is left unfinished, and no test is switched off.
fn leftovers(files: &[File]) -> Vec<String> {
    // Written in two parts, so that this file does not find itself.
    let words = ["to\u{64}o!", "unimplemente\u{64}!", "FIX\u{4d}E", "XX\u{58}", "TO\u{44}O", "#[ignor\u{65}"];
    search(files, &words, |word| format!("`{word}` is left: do it, or leave it out"))
}

/// Nothing names a directory of one machine, or a registry's host.
fn places(files: &[File]) -> Vec<String> {
    let directories = ["/wor\u{6b}/", "/roo\u{74}/", "/tmp/\u{68}/"];
    let mut complaints = search(files, &directories, |word| format!("`{word}` is a path of one machine"));
    // The lock file names the registry that cargo itself put there.
    let files: Vec<File> = files.iter().filter(|(path, _)| path != "Cargo.lock").cloned().collect();
    let hosts = ["crates.i\u{6f}", "pypi.or\u{67}", "npmjs.\u{6f}rg", "maven.\u{6f}rg", "proxy.golan\u{67}"];
    complaints
        .extend(search(&files, &hosts, |word| format!("`{word}` is a registry's host: name the package")));
    complaints
}

/// Every `make` command that the README shows is a target of the Makefile.
fn readme_commands(readme: &str, makefile: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut fenced = false;
    for (index, line) in readme.lines().enumerate() {
        fenced ^= line.starts_with("```");
        let commands: Vec<&str> = match fenced {
            true => vec![line.trim_start_matches("$ ")],
            false => line.split('`').skip(1).step_by(2).collect(),
        };
        for command in commands.iter().filter_map(|command| command.strip_prefix("make ")) {
            let is_target = |word: &&str| !word.contains('=') && !word.starts_with(['-', '#']);
            let Some(target) = command.split_whitespace().find(is_target) else { continue };
            if !makefile.lines().any(|rule| rule.starts_with(&format!("{target}:"))) {
                let line = index + 1;
                complaints.push(format!("README.md:{line}: the Makefile has no target `{target}`"));
            }
        }
    }
    complaints
}

// --- reading Rust --------------------------------------------------------------------------------------

/// Floor and place in lib.rs of each module, by name; and what is wrong with the list itself.
fn floors(lib: &str) -> (BTreeMap<&str, (u32, usize)>, Vec<String>) {
    let (mut modules, mut complaints) = (BTreeMap::new(), Vec::new());
    let mut floor = None;
    for (index, line) in lib.lines().enumerate() {
        if let Some(rest) = line.strip_prefix("// Floor ") {
            floor = rest.split_once(':').and_then(|(number, _)| number.parse().ok());
        } else if let Some(name) = line.trim_start_matches("pub ").strip_prefix("mod ") {
            let name = name.trim_end_matches(';');
            match floor.take() {
                Some(floor) => _ = modules.insert(name, (floor, index)),
                None => complaints.push(format!("src/lib.rs:{}: {name} has no `// Floor N:`", index + 1)),
            }
        }
    }
    (modules, complaints)
}

/// The code alone: comments, strings and characters are blanked out, line for line and byte for byte.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = blank_length(rest, out.ends_with(is_word));
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.push_str(&blank(&rest[..length]));
            rest = &rest[length..];
        }
    }
    out
}

/// As many spaces as `text` has bytes, with its line ends.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// How many bytes of comment, string or character `rest` begins with; 0 if it begins with code.
fn blank_length(rest: &str, after_word: bool) -> usize {
    let to_end = |found: Option<usize>| found.unwrap_or(rest.len());
    if rest.starts_with("//") {
        return to_end(rest.find('\n'));
    }
    if rest.starts_with("/*") {
        return to_end(rest.find("*/").map(|at| at + 2));
    }
    if rest.starts_with('"') {
        return quoted_length(rest, '"');
    }
    if let Some(inner) = rest.strip_prefix('\'') {
        // A lifetime has no closing quote where a character has it.
        let is_char = inner.starts_with('\\') || inner.chars().nth(1) == Some('\'');
        return if is_char { quoted_length(rest, '\'') } else { 0 };
    }
    let raw = rest.trim_start_matches(['b', 'c']);
    if !after_word && rest.len() - raw.len() <= 1 && raw.starts_with('r') {
        let hashes = raw[1..].len() - raw[1..].trim_start_matches('#').len();
        if raw[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = rest.len() - raw.len() + 2 + hashes;
            return to_end(rest[open..].find(&end).map(|at| open + at + end.len()));
        }
    }
    0
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Code with its `#[cfg(test)]` modules blanked out: a test may use what it likes.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    for (at, _) in code.match_indices("#[cfg(test)]") {
        let end = body_end(code, at + "#[cfg(test)]".len()).unwrap_or(at);
        out.replace_range(at..end, &blank(&code[at..end]));
    }
    out
}

/// Where the block ends that opens next; `None` if a `;` comes before it (a signature, a `mod x;`).
fn body_end(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0;
    let mut nested = 0; // a `;` in `[u8; 4]` ends nothing
    for (at, c) in code[from..].char_indices() {
        match c {
            '(' | '[' => nested += 1,
            ')' | ']' => nested -= 1,
            ';' if depth == 0 && nested == 0 => return None,
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(from + at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The first names after `crate::`, of `crate::{a::…, b}` each, with their lines.
fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for (at, prefix) in code.match_indices("crate::") {
        let rest = &code[at + prefix.len()..];
        let line = line_of(code, at);
        let mut depth = 0;
        let mut at_start = true; // of a path that begins at the root
        for (at, c) in rest.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => at_start = true,
                c if is_word(c) && at_start && depth <= 1 => {
                    paths.push((line, rest[at..].chars().take_while(|c| is_word(*c)).collect()));
                    at_start = false;
                }
                _ => {}
            }
            if depth == 0 && !(at_start && c.is_whitespace()) {
                break;
            }
        }
    }
    paths
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn search(files: &[File], words: &[&str], complaint: impl Fn(&str) -> String) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in files {
        for (index, line) in text.lines().enumerate() {
            let found = words.iter().filter(|word| {
                // Inside a longer name or path it means something else.
                let mut places = line.match_indices(**word);
                places.any(|(at, _)| !line[..at].ends_with(is_word) || !word.starts_with(['/', 'X']))
            });
            complaints.extend(found.map(|word| format!("{path}:{}: {}", index + 1, complaint(word))));
        }
    }
    complaints
}

// --- the repository ------------------------------------------------------------------------------------

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text files that belong to the repository: tracked, or about to be.
fn repository() -> Vec<File> {
    let listing = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files of the repository");
    assert!(listing.status.success(), "{}", String::from_utf8_lossy(&listing.stderr));
    let names = String::from_utf8(listing.stdout).expect("names of files are UTF-8");
    let names = names.split_terminator('\0').filter(|name| root().join(name).is_file());
    let texts =
        names.filter_map(|name| Some((name.to_owned(), std::fs::read_to_string(root().join(name)).ok()?)));
    texts.collect()
}

fn rust() -> Vec<File> {
    let is_ours = |path: &str| ["src/", "tests/", "benches/"].iter().any(|place| path.starts_with(place));
    let is_rust = |path: &str| Path::new(path).extension().is_some_and(|extension| extension == "rs");
    let files: Vec<File> =
        repository().into_iter().filter(|(path, _)| is_ours(path) && is_rust(path)).collect();
    assert!(files.iter().any(|(path, _)| path == "src/lib.rs"), "the sources were not found");
    files
}

#[track_caller]
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn modules_import_only_from_below() {
    none(imports(&read("src/lib.rs"), &rust()));
}

#[test]
fn every_file_says_what_it_is_for() {
    none(module_docs(&rust()));
}

#[test]
fn files_are_short() {
    none(file_lengths(&rust()));
}

#[test]
fn functions_are_short() {
    // A test that lists all it expects is as long as the list.
    let code: Vec<_> = rust().into_iter().filter(|(path, _)| !path.contains("tests/")).collect();
    none(function_lengths(&code));
}

#[test]
fn nothing_is_left_unfinished() {
    none(leftovers(&rust()));
}

#[test]
fn nothing_names_a_machine_or_a_registry() {
    none(places(&repository()));
}

#[test]
fn the_commands_of_the_readme_exist() {
    none(readme_commands(&read("README.md"), &read("Makefile")));
}

/// Each check on an input that breaks its rule.
mod checks_can_fail {
    use super::*;

    const LIB: &str = "// Floor 2: c.\npub mod top;\n// Floor 1: b.\npub mod first;\n// Floor 1: d.\n// More.\nmod second;\n";

    fn file(path: &str, text: &str) -> Vec<File> {
        vec![(path.to_owned(), text.to_owned())]
    }

    #[test]
    fn an_import_from_a_higher_floor() {
        let text = "//! crate::top\nuse crate::{\n    second::A, // crate::top\n    top::{B, C},\n};\n";
        assert_eq!(
            imports(LIB, &file("src/second/deep/x.rs", text)),
            [
                "src/second/deep/x.rs:2: second (floor 1) imports from top (floor 2), which does not stand below it"
            ]
        );
        let text = "fn f() { g(\"crate::top\", 'c', crate::first::h(), crate::top::h) }";
        assert_eq!(imports(LIB, &file("src/second.rs", text)).len(), 1);
    }

    #[test]
    fn an_import_on_the_same_floor_from_further_down() {
        assert_eq!(imports(LIB, &file("src/second.rs", "use crate::first::A;")), Vec::<String>::new());
        assert_eq!(
            imports(LIB, &file("src/first/mod.rs", "use crate::second::A;\nuse crate::first::B;")),
            [
                "src/first/mod.rs:1: first (floor 1) imports from second (floor 1), which does not stand below it"
            ]
        );
    }

    #[test]
    fn a_way_out_by_super() {
        let out = ["src/first/mod.rs:2: `super` leads out of first; write `crate::`"];
        assert_eq!(imports(LIB, &file("src/first/mod.rs", "\nuse super::top::A;")), out);
        let out = ["src/first/x.rs:1: `super` leads out of first; write `crate::`"];
        assert_eq!(imports(LIB, &file("src/first/x.rs", "use super::super::top::A;")), out);
        assert_eq!(imports(LIB, &file("src/first/x.rs", "use super::A;")), Vec::<String>::new());
    }

    #[test]
    fn test_modules_are_free_to_import() {
        let text = "#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::top::A;\n}\n";
        assert_eq!(imports(LIB, &file("src/first.rs", text)), Vec::<String>::new());
        assert_eq!(imports(LIB, &file("src/first.rs", &format!("{text}use crate::top::B;"))).len(), 1);
    }

    #[test]
    fn a_module_without_a_floor_or_not_in_the_list() {
        assert_eq!(imports("pub mod top;", &[]), ["src/lib.rs:1: top has no `// Floor N:`"]);
        let unlisted = ["src/gone/a.rs: lib.rs does not list the module gone"];
        assert_eq!(imports(LIB, &file("src/gone/a.rs", "")), unlisted);
    }

    #[test]
    fn a_file_without_a_heading() {
        let bare = ["src/a.rs:1: opens without `//!`: say what the file is for"];
        assert_eq!(module_docs(&file("src/a.rs", "use std::fmt;\n")), bare);
    }

    #[test]
    fn a_file_that_is_too_long() {
        let long = ["src/a.rs: 501 lines, 500 is the most: split it"];
        assert_eq!(file_lengths(&file("src/a.rs", &"\n".repeat(501))), long);
        assert_eq!(file_lengths(&file("src/a.rs", &"\n".repeat(500))), Vec::<String>::new());
    }

    #[test]
    fn a_function_that_is_too_long() {
        let body = "    g(\"}\", '}', r#\"}\"}\"#, &'a x); // }\n".repeat(99);
        let text = format!("trait T {{\n    fn f(a: [u8; 4]);\n}}\nfn f<'a>() {{\n{body}}}\nfn g() {{}}\n");
        let long = ["src/a.rs:4: fn f has 101 lines, 100 is the most"];
        assert_eq!(function_lengths(&file("src/a.rs", &text)), long);
        assert_eq!(
            function_lengths(&file("src/a.rs", &text.replacen("// }\n", "", 1))),
            Vec::<String>::new()
        );
    }

    #[test]
    fn an_unfinished_piece() {
        for word in
            ["to\u{64}o!()", "unimplemente\u{64}!()", "// FIX\u{4d}E", "XX\u{58}", "#[ignor\u{65} = \"x\"]"]
        {
            let found = leftovers(&file("src/a.rs", &format!("\n{word}")));
            assert!(found.len() == 1 && found[0].starts_with("src/a.rs:2: `"), "{word}: {found:?}");
        }
    }

    #[test]
    fn a_place_of_one_machine() {
        let path = ["a.md:1: `/wor\u{6b}/` is a path of one machine"];
        assert_eq!(places(&file("a.md", "see /wor\u{6b}/x")), path);
        assert_eq!(places(&file("a.md", "see example.org/wor\u{6b}/x")), Vec::<String>::new());
        let host = ["a.md:1: `crates.i\u{6f}` is a registry's host: name the package"];
        assert_eq!(places(&file("a.md", "from https://crates.i\u{6f}")), host);
    }

    #[test]
    fn a_command_that_does_not_exist() {
        let readme =
            "`make test`\n```sh\n$ make A=1 tset\nmake it so\n```\nmake sure of `make demo FOR=5s`\n";
        let missing = [
            "README.md:3: the Makefile has no target `tset`",
            "README.md:4: the Makefile has no target `it`",
        ];
        assert_eq!(readme_commands(readme, "test: x\n\ndemo:\n"), missing);
    }
}
