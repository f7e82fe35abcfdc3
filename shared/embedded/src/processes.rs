use crate::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(10);
/// PostgreSQL's children notice at once that their parent is gone, unless a long query keeps one busy.
const PATIENCE_WITH_CHILDREN: Duration = Duration::from_secs(1);

/// Ends what an earlier run left behind: the processes of `program` whose command line holds the directory's `mark`.
/// They are looked up by it before every signal, never by a number that was written down: that may be another's by now.
pub async fn end_orphans(program: &str, mark: &str, signal: &str, folder: &Path) -> Result<(), Error> {
    for attempt in [signal, "-KILL"] {
        let found = marked(program, mark);
        if found.is_empty() {
            return Ok(());
        }
        tracing::warn!(program, folder = %folder.display(), "{program} of an earlier run is still there and is stopped");
        let only_children = found.iter().all(|process| process.is_titled(program));
        for process in found {
            // They end with their parent, and are signalled only where they did not.
            if !process.is_titled(program) || attempt == "-KILL" {
                send(process.pid, attempt).await;
            }
        }
        let deadline = Instant::now() + if only_children { PATIENCE_WITH_CHILDREN } else { PATIENCE };
        while !marked(program, mark).is_empty() && Instant::now() < deadline {
            sleep(Duration::from_millis(50)).await;
        }
    }
    match marked(program, mark).first() {
        Some(process) => Err(Error::Orphan { path: folder.to_owned(), pid: process.pid }),
        None => Ok(()),
    }
}

/// By the shell's own `kill`: the program of that name is not part of every small system.
pub async fn send(pid: u32, signal: &str) {
    // A process that is gone already is what was wanted.
    let _ = tokio::process::Command::new("/bin/sh")
        .args(["-c", "kill \"$1\" \"$2\"", "sh", signal, &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .await;
}

/// Whether `pid` is there, and is something else than a PostgreSQL on `data`.
pub fn is_foreign(pid: u32, data: &Path) -> bool {
    let process = if Path::new("/proc/self").exists() { proc(pid) } else { ps().into_iter().find(|p| p.pid == pid) };
    process.is_some_and(|process| !(process.runs("postgres") && process.line.contains(&*data.to_string_lossy())))
}

fn marked(program: &str, mark: &str) -> Vec<Process> {
    let all = match fs::read_dir("/proc") {
        Ok(entries) => {
            entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(proc).collect()
        }
        // macOS has no /proc.
        Err(_) => ps(),
    };
    all.into_iter().filter(|process| process.runs(program) && process.line.contains(mark)).collect()
}

struct Process {
    pid: u32,
    /// The program and its arguments, parted by NUL where the system tells, else by spaces.
    line: String,
}

impl Process {
    fn runs(&self, program: &str) -> bool {
        self.is_titled(program) || Path::new(self.first()).file_name().is_some_and(|name| name == program)
    }

    /// A child of PostgreSQL calls itself "postgres: NAME: what it does".
    fn is_titled(&self, program: &str) -> bool {
        self.first().strip_prefix(program).is_some_and(|rest| rest.starts_with(':'))
    }

    fn first(&self) -> &str {
        self.line.split(if self.line.contains('\0') { '\0' } else { ' ' }).next().unwrap_or_default()
    }
}

/// A process that ended and was not waited for has no command line.
fn proc(pid: u32) -> Option<Process> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok().filter(|line| !line.is_empty())?;
    Some(Process { pid, line: String::from_utf8_lossy(&line).into_owned() })
}

fn ps() -> Vec<Process> {
    let Ok(output) = Command::new("ps").args(["-A", "-ww", "-o", "pid=", "-o", "command="]).output() else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|row| {
            let (pid, line) = row.trim_start().split_once(' ')?;
            Some(Process { pid: pid.parse().ok()?, line: line.to_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Process, proc, ps};

    #[test]
    fn a_process_is_known_by_its_program_not_by_a_word_in_its_arguments() {
        let runs = |line: &str, program| Process { pid: 1, line: line.to_owned() }.runs(program);
        assert!(runs("/usr/lib/postgresql/15/bin/postgres\0-D\0/data\0", "postgres"));
        assert!(runs("/usr/lib/postgresql/15/bin/postgres -D /data", "postgres"));
        assert!(runs("postgres: stele-1: checkpointer \0\0", "postgres"));
        assert!(runs("postgres: stele-1: checkpointer", "postgres"));
        assert!(!runs("sh\0-c\0/usr/bin/postgres -D /data\0", "postgres"));
        assert!(!runs("tail\0-f\0/data/postgres\0", "postgres"));
        assert!(!runs("/usr/bin/postgres-exporter\0", "postgres"));
        assert!(!runs("", "postgres"));
    }

    #[test]
    fn ps_tells_what_proc_tells() {
        let me = std::process::id();
        let by_ps = ps().into_iter().find(|process| process.pid == me).unwrap();
        if let Some(by_proc) = proc(me) {
            assert_eq!(by_ps.line, by_proc.line.trim_end_matches('\0').replace('\0', " "));
        }
    }
}
