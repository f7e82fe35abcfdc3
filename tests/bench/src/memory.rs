use std::fs;

/// What a process and its descendants hold.
pub struct Memory {
    pub own_mb: f64,
    pub all_mb: f64,
}

/// Nothing where there is no /proc to read it from.
pub fn of(pid: u32) -> Option<Memory> {
    let own_mb = kilobytes(&format!("/proc/{pid}/status"), "VmRSS:")? / 1024.0;
    let all: Option<f64> = family(pid).into_iter().map(proportional).sum();
    Some(Memory { own_mb, all_mb: all? / 1024.0 })
}

/// From here on the peak of this process is what it holds now, or more.
pub fn forget_peak() {
    // Where it is not there, no peak is told either.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most that this process has held.
pub fn peak_mb() -> Option<f64> {
    Some(kilobytes("/proc/self/status", "VmHWM:")? / 1024.0)
}

/// Pages that several processes share count for each in part, so that the sum is what the machine has given.
fn proportional(pid: u32) -> Option<f64> {
    match kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:") {
        None if !fs::exists(format!("/proc/{pid}")).unwrap_or(false) => Some(0.0),
        found => found,
    }
}

fn kilobytes(path: &str, name: &str) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The process, its children, and theirs.
fn family(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(one) = family.get(next).copied() {
        family.extend(parents.iter().filter(|(_, parent)| *parent == one).map(|(child, _)| *child));
        next += 1;
    }
    family
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}
