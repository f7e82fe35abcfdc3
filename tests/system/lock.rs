//! Files of lines that are only ever added to.

use crate::house::root;
use std::collections::BTreeSet;
use std::fs;

/// One such file.
pub struct Lock {
    /// From the root.
    pub path: &'static str,
    /// The environment variable by which lines are added.
    pub update: &'static str,
    /// Why a line that is no longer true has to be true again, and what to do instead.
    pub why: &'static str,
    /// The command that adds what is new.
    pub remedy: &'static str,
}

impl Lock {
    /// Holds the file against what is so `now`, and adds to it where that was asked for.
    pub fn hold(&self, now: &BTreeSet<String>) {
        let path = root().join(self.path);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let locked: BTreeSet<String> = text.lines().map(ToOwned::to_owned).collect();
        let update = self.updates();
        let lines = self.held(&locked, now, update).unwrap_or_else(|error| panic!("{error}"));
        let sorted = lines.iter().fold(String::new(), |text, line| text + line + "\n");
        if update && sorted != text {
            fs::write(&path, sorted).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        } else {
            assert_eq!(text, sorted, "{} is not in order: sort its lines", self.path);
        }
    }

    pub fn updates(&self) -> bool {
        std::env::var_os(self.update).is_some_and(|value| value == "1")
    }

    /// What the file says after it, or why it cannot be held. Lines are added when `update` asks for it, and never dropped.
    pub fn held(
        &self,
        locked: &BTreeSet<String>,
        now: &BTreeSet<String>,
        update: bool,
    ) -> Result<BTreeSet<String>, String> {
        let told = |lines: &[&str]| lines.join("\n  ");
        let broken: Vec<&str> = locked.difference(now).map(String::as_str).collect();
        if !broken.is_empty() {
            return Err(format!("these lines of {} are no longer true:\n  {}\n{}", self.path, told(&broken), self.why));
        }
        let new: Vec<&str> = now.difference(locked).map(String::as_str).collect();
        if !update && !new.is_empty() {
            return Err(format!(
                "these are not in {} yet:\n  {}\nAdd them with `{}=1 {}` and commit the file. From then on they stay.",
                self.path,
                told(&new),
                self.update,
                self.remedy
            ));
        }
        Ok(now.clone())
    }
}
