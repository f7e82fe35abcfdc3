use crate::accounts::AccountOptions;
use crate::files::FileOptions;
use crate::fonts::FontOptions;
use crate::providers::ProviderOptions;
use crate::rates::RateOptions;
use crate::services::{self, Given};
use crate::signals::Signals;
use access::{Issuer, Verifier};
use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use eventstore::Server;
use mail::Mail;
use service::{Running, Service, Settings};
use std::io::ErrorKind;
use std::process::ExitCode;
use tokio::net::TcpListener;

/// Where to send e-mail, if anywhere.
#[derive(Args, Clone)]
pub struct MailOptions {
    /// smtp://user:password@host:port or smtps://...; without it notifications stay in the application
    #[arg(long, env = "STELE_SMTP", hide_env_values = true)]
    smtp: Option<String>,
    /// The sender of e-mails
    #[arg(long, env = "STELE_MAIL_FROM", default_value = "Stele <stele@localhost>")]
    mail_from: String,
}

impl MailOptions {
    pub fn mail(&self) -> anyhow::Result<Option<Mail>> {
        let Some(url) = &self.smtp else { return Ok(None) };
        Ok(Some(Mail::new(url, &self.mail_from)?))
    }
}

#[derive(Args)]
pub struct Serve {
    /// tenancy, risk, controls, audit, notifications
    #[arg(required = true)]
    services: Vec<String>,
    /// Where to listen
    #[arg(long, env = "STELE_LISTEN", default_value = "127.0.0.1:27001")]
    listen: String,
    /// postgres://host:port with the password of the services' logins; user and database in it are not used
    #[arg(long, env = "STELE_POSTGRES_URL", hide_env_values = true)]
    postgres: String,
    /// Password of the services' logins, where it is not that of the address
    #[arg(long, env = "STELE_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// nats://user:password@host:port
    #[arg(long, env = "STELE_NATS_URL", hide_env_values = true)]
    nats: String,
    /// Databases are named <PREFIX>_<service>; also the first token of every NATS subject
    #[arg(long, env = "STELE_PREFIX", default_value = "stele")]
    prefix: String,
    /// Connections to PostgreSQL that requests of one service may hold at once
    #[arg(long, env = "STELE_CONNECTIONS", default_value_t = 16)]
    connections: u32,
    /// The public key by which tokens are checked: 64 hexadecimal digits
    #[arg(long, env = "STELE_PUBLIC_KEY")]
    public_key: Option<String>,
    /// The secret key of the local issuer, for tenancy alone: 64 hexadecimal digits
    #[arg(long, env = "STELE_ISSUER_SEED", hide_env_values = true)]
    issuer_seed: Option<String>,
    #[command(flatten)]
    rates: RateOptions,
    #[command(flatten)]
    providers: ProviderOptions,
    #[command(flatten)]
    accounts: AccountOptions,
    #[command(flatten)]
    mail: MailOptions,
    #[command(flatten)]
    files: FileOptions,
    #[command(flatten)]
    fonts: FontOptions,
}

impl Serve {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let (issuer, verifier) = self.keys()?;
        let verifier = verifier.trusting(self.providers.read()?);
        let mail = self.mail.mail()?;
        let entrance = self.accounts.entrance(issuer.as_ref());
        let files = self.files.files(self.files.place(None)?.as_deref())?;
        let printer = self.fonts.printer()?;
        let given = Given { entrance: Some(&entrance), mail: mail.as_ref(), files: files.as_ref() };
        let mut chosen: Vec<Service> = Vec::new();
        for name in &self.services {
            ensure!(chosen.iter().all(|one| one.name != name), "{name} is named twice");
            chosen.push(services::named(name, given)?);
        }
        service::log_to(std::io::stderr);
        service::prometheus();
        let mut signals = Signals::listen()?;
        let listener = listen(&self.listen).await?;
        let settings = Settings {
            postgres: Server::new(&self.postgres, &self.prefix).context("--postgres is not an address")?,
            password: self.password.clone(),
            connections: self.connections,
            nats: self.nats.clone(),
            prefix: self.prefix.clone(),
            verifier,
            rates: self.rates.rates(),
            proxies: self.rates.proxies,
        };
        let running = Running::start(services::printing(chosen, printer), settings, listener)?;
        tracing::info!(address = %running.address, services = self.services.join(" "), "listening");
        signals.asked_to_stop().await;
        tracing::info!("stopping: requests are being drained");
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    }

    fn keys(&self) -> anyhow::Result<(Option<Issuer>, Verifier)> {
        match (&self.issuer_seed, &self.public_key) {
            (Some(seed), _) => {
                let (issuer, verifier) = Issuer::from_seed(seed).context("--issuer-seed")?;
                Ok((Some(issuer), verifier))
            }
            (None, Some(public)) => Ok((None, Verifier::from_public(public).context("--public-key")?)),
            (None, None) => bail!("tokens cannot be checked: give --public-key, or --issuer-seed to tenancy"),
        }
    }
}

/// Takes the address, or says who could.
pub async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        if error.kind() == ErrorKind::AddrInUse {
            anyhow!(
                "{address} is in use: stop what listens there, or choose another address, such as --listen 127.0.0.1:0"
            )
        } else if error.kind() == ErrorKind::PermissionDenied {
            anyhow!("{address} may not be taken by this user: choose a port above 1023 with --listen")
        } else {
            anyhow!("{address} cannot be listened on: {error}")
        }
    })
}

#[derive(Args)]
pub struct Migrate {
    /// Some of the services; all where none is named
    services: Vec<String>,
    /// postgres://user:password@host:port of a user who may create roles and databases
    #[arg(long, env = "STELE_POSTGRES_URL", hide_env_values = true)]
    postgres: String,
    /// The password that the services' logins get
    #[arg(long, env = "STELE_PASSWORD", hide_env_values = true)]
    password: String,
    /// Databases are named <PREFIX>_<service>
    #[arg(long, env = "STELE_PREFIX", default_value = "stele")]
    prefix: String,
}

impl Migrate {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let server = Server::new(&self.postgres, &self.prefix).context("--postgres is not an address")?;
        let names: Vec<&str> = match self.services.as_slice() {
            [] => services::NAMES.to_vec(),
            some => some.iter().map(String::as_str).collect(),
        };
        for name in names {
            let service = services::named(name, Given::default())?;
            eventstore::migrate(&server, service.name, &self.password, &service.migrations)
                .await
                .with_context(|| format!("{name} cannot be migrated"))?;
            println!("{name}: up to date");
        }
        Ok(ExitCode::SUCCESS)
    }
}
