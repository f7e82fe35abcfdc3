/// Ends the process here, as a power cut would, where a test asks for it by `STELE_CRASH_AT=<service>:<point>`.
/// A release build does nothing.
pub fn crash_point(service: &str, point: &str) {
    if cfg!(debug_assertions)
        && std::env::var("STELE_CRASH_AT").is_ok_and(|asked| asked.split_once(':') == Some((service, point)))
    {
        std::process::abort();
    }
}

/// The same in the middle of a batch; `STELE_CRASH_AT=<service>:shared:<point>` asks for one that several commands share.
pub fn crash_point_in_batch(service: &str, point: &str, commands: usize) {
    crash_point(service, point);
    if commands > 1 {
        crash_point(service, &format!("shared:{point}"));
    }
}
