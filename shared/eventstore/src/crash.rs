/// Ends the process here, as a power cut would, where a test asks for it by `STELE_CRASH_AT=<service>:<point>`.
/// A release build does nothing.
pub fn crash_point(service: &str, point: &str) {
    if cfg!(debug_assertions)
        && std::env::var("STELE_CRASH_AT").is_ok_and(|asked| asked.split_once(':') == Some((service, point)))
    {
        std::process::abort();
    }
}
