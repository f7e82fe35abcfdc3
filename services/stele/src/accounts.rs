use access::Issuer;
use clap::{ArgAction, Args};
use tenancy::Entrance;

/// How people sign in where no identity provider does it.
#[derive(Args, Clone)]
pub struct AccountOptions {
    /// Whether people may have passwords of this installation, where it has its own issuer; `false` where only identity providers
    /// are wanted
    #[arg(long, env = "STELE_LOCAL_ACCOUNTS", default_value_t = true, action = ArgAction::Set)]
    local_accounts: bool,
}

impl AccountOptions {
    pub fn entrance(&self, issuer: Option<&Issuer>) -> Entrance {
        Entrance { issuer: issuer.cloned(), passwords: self.local_accounts, mail: None }
    }

    pub fn are_on(&self) -> bool {
        self.local_accounts
    }
}
