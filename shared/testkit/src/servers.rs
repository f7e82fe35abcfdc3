use std::env;

pub const POSTGRES: &str = "STELE_TEST_POSTGRES";
pub const NATS: &str = "STELE_TEST_NATS";

/// The run's PostgreSQL, as its superuser.
pub fn postgres_admin_url() -> String {
    given(POSTGRES)
}

/// The run's NATS server, with its credentials. Tests keep apart by a subject prefix of their own.
pub fn nats_url() -> String {
    given(NATS)
}

fn given(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: run tests by `./dev test`, or one of them by \
             `cargo run -p testkit -- run -- cargo nextest run NAME`"
        )
    })
}
