//! The repository as the tests read it: its files, and Rust and SQL without what is not code.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository. Cargo and nextest tell where the crate is when the test runs.
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo or nextest runs the tests");
    Path::new(&here).join("../..").canonicalize().expect("the crate is two levels below the root")
}

/// A file of the repository.
pub struct Source {
    /// From the root, with slashes.
    pub path: String,
    pub text: String,
}

/// All files under the folders whose name ends with `.{extension}`, in order of their paths.
pub fn sources(folders: &[&str], extension: &str) -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    for folder in folders {
        collect(&root, &root.join(folder), extension, &mut found);
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

fn collect(root: &Path, folder: &Path, extension: &str, found: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.map(|entry| entry.expect("a readable entry").path()) {
        if path.is_dir() {
            collect(root, &path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let path = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}

/// The identifiers, keywords and numbers in it, in order.
pub fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Rust without comments and without what is between quotes; lines stay where they are.
pub fn rust_code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = not_code(rest, code.chars().next_back());
        if taken == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            code.extend(rest[..taken].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[taken..];
        }
    }
    code
}

/// How many bytes at the beginning are a comment, a string or a character.
fn not_code(text: &str, before: Option<char>) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |end| end + 2);
    }
    if let Some(inner) = text.strip_prefix('"') {
        return 1 + quoted(inner, '"');
    }
    if let Some(inner) = text.strip_prefix('\'') {
        // `'a` begins a lifetime where no quote follows the one character.
        let mut characters = inner.chars();
        let is_character = match characters.next() {
            Some('\\') => true,
            Some(_) => characters.next() == Some('\''),
            None => false,
        };
        return if is_character { 1 + quoted(inner, '\'') } else { 0 };
    }
    // `r"..."` and `r#"..."#`, but not the last letter of a name.
    let hashes = text.strip_prefix('r').map(|inner| inner.len() - inner.trim_start_matches('#').len());
    match hashes {
        Some(hashes) if !before.is_some_and(|c| c.is_alphanumeric() || c == '_') => {
            let opening = 1 + hashes;
            if !text[opening..].starts_with('"') {
                return 0;
            }
            let closing = format!("\"{}", "#".repeat(hashes));
            text[opening + 1..].find(&closing).map_or(text.len(), |end| opening + 1 + end + closing.len())
        }
        _ => 0,
    }
}

/// How many bytes until behind the closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// Rust code (of `rust_code`) without its modules of tests.
pub fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        rest = &rest[at + MARK.len()..];
        rest = &rest[item(rest)..];
    }
    kept + rest
}

/// How many bytes the item at the beginning has: until its semicolon or the end of its braces.
fn item(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// SQL in lower case, without comments, one space between words.
pub fn sql_code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ").to_lowercase()
}

#[test]
fn rust_is_read_without_comments_strings_and_tests() {
    let text = r##"
use a::B; // todo!(1)
fn f<'x>(q: &'x str) -> char { let _ = ("#[ignore", 'r', '\'', '"', r#"a "todo!()" b"#, var"x"); /* sqlx */ '}' }
#[cfg(test)]
mod tests { fn g() { sqlx() } }
#[cfg(test)]
mod more;
fn last() {}
"##;
    let code = rust_code(text);
    assert_eq!(code.lines().count(), text.lines().count());
    let all: Vec<&str> = words(&code).collect();
    for gone in ["todo", "ignore"] {
        assert!(!all.contains(&gone), "{gone} in {code}");
    }
    let kept = without_tests(&code);
    let kept: Vec<&str> = words(&kept).collect();
    assert_eq!(kept, "use a B fn f x q x str char let _ var fn last".split(' ').collect::<Vec<_>>());
}
