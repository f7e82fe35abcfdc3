use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Prints a line.
pub fn say(line: impl Display) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

/// A reader that has seen enough, such as `head`, has gone away: nothing is wrong.
pub fn is_nobody_listening(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// The error and its causes, each said once: some already end with their cause's words.
pub fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        if told.is_empty() {
            cause
        } else if told.ends_with(&cause) {
            told
        } else {
            format!("{told}: {cause}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::told;
    use anyhow::anyhow;

    #[test]
    fn no_cause_is_said_twice() {
        assert_eq!(told(&anyhow!("denied").context("a cannot be read: denied")), "a cannot be read: denied");
        assert_eq!(told(&anyhow!("denied").context("a cannot be read")), "a cannot be read: denied");
    }
}
