use clap::Args;
use service::Rates;

/// How many requests each service answers before it asks to wait.
#[derive(Args, Clone)]
pub struct RateOptions {
    /// Requests a second of one person or API key that one service answers, ten times as many at once; 0 counts none
    #[arg(long, env = "STELE_CALLER_RATE", default_value_t = Rates::default().caller)]
    caller_rate: u32,
    /// Requests a second about one tenant that one service answers, ten times as many at once; 0 counts none
    #[arg(long, env = "STELE_TENANT_RATE", default_value_t = Rates::default().tenant)]
    tenant_rate: u32,
    /// Requests a second of one address by which nobody is known (wrong tokens and keys, signing in) that one service answers, ten
    /// times as many at once; 0 counts none
    #[arg(long, env = "STELE_STRANGER_RATE", default_value_t = Rates::default().stranger)]
    stranger_rate: u32,
    /// How many proxies stand before the service, each of which adds the address that it saw to X-Forwarded-For
    #[arg(long, env = "STELE_PROXIES", default_value_t = 0)]
    pub proxies: usize,
}

impl RateOptions {
    pub fn rates(&self) -> Rates {
        Rates { caller: self.caller_rate, tenant: self.tenant_rate, stranger: self.stranger_rate }
    }
}
