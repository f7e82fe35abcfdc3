use crate::Rates;
use access::Verifier;
use eventstore::Server;

/// Where a process finds what it stands on.
#[derive(Clone)]
pub struct Settings {
    pub postgres: Server,
    /// The password of the services' database logins; without one, that of the address.
    pub password: Option<String>,
    /// Connections that requests of one service may hold at once.
    pub connections: u32,
    /// `nats://user:password@host:port`
    pub nats: String,
    /// The first token of every subject.
    pub prefix: String,
    pub verifier: Verifier,
    /// How many requests each service answers.
    pub rates: Rates,
    /// How many proxies stand before the process, each of which adds the address that it saw to `X-Forwarded-For`.
    pub proxies: usize,
}
