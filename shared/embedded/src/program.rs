use std::path::{Path, PathBuf};
use tokio::process::Command;

/// What the supervisor has to know about a server.
pub trait Program: Send + Sync + 'static {
    const NAME: &'static str;
    /// The signal on which it ends and loses nothing.
    const STOP: &'static str;

    fn command(&self) -> Command;
    /// Where its data, its port and its log lie.
    fn folder(&self) -> &Path;
    fn mark(&self) -> &str;

    fn log(&self) -> PathBuf {
        self.folder().join(format!("{}.log", Self::NAME))
    }

    /// Removes what would keep it from starting, before every start.
    fn clear_away(&self) {}
    fn answer(&self, pid: u32) -> impl Future<Output = Answer> + Send;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Ready,
    Starting,
    Silent,
}
