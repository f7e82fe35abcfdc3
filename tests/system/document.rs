//! What documents tell readers to type, as tests type it.

use crate::system::{STELE, root};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Output, Stdio};
use tokio::process::Command;

/// The fenced blocks of a kind below a heading, in order.
pub fn blocks(document: &str, heading: &str, kind: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"));
    let section = text.split("\n## ").find(|section| section.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("{document} has no heading {heading:?}"));
    let fenced = section.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.strip_prefix(kind)?.strip_prefix('\n')).map(ToOwned::to_owned).collect()
}

/// Runs it in a shell that knows `stele`, and stops at the first command that fails.
pub async fn shell(script: &str, variables: &[(&str, &Path)]) -> Output {
    let bin = tempfile::tempdir().expect("a folder");
    symlink(STELE, bin.path().join("stele")).expect("a link");
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(format!("set -euo pipefail\n{script}")).env("PATH", path).kill_on_drop(true);
    shell.envs(variables.iter().copied()).stdin(Stdio::null()).output().await.expect("bash")
}
