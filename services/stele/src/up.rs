use crate::accounts::AccountOptions;
use crate::files::FileOptions;
use crate::fonts::FontOptions;
use crate::installation::{self, Running as Told};
use crate::organisation::ADMINISTRATOR;
use crate::providers::ProviderOptions;
use crate::rates::RateOptions;
use crate::secrets::Secrets;
use crate::serve::{MailOptions, listen};
use crate::services::Given;
use crate::signals::Signals;
use crate::{demo, organisation, services};
use access::{Issuer, Providers, Verifier};
use anyhow::Context;
use clap::Args;
use embedded::{Durability, Pair};
use eventstore::Server;
use mail::Mail;
use service::{Rates, Running, Settings};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tenancy::Kind;
use tokio::net::TcpListener;
use tracing_appender::non_blocking::WorkerGuard;
use typesetting::Typst;

const PREFIX: &str = "stele";
const LOGS_KEPT: usize = 14;

#[derive(Args)]
pub struct Up {
    /// Where the data lies: /var/lib/stele for root, ~/.local/share/stele for others where it is not given
    #[arg(long, env = "STELE_DATA")]
    data: Option<PathBuf>,
    /// Where to listen
    #[arg(long, env = "STELE_LISTEN", default_value = "127.0.0.1:27001")]
    listen: String,
    /// What the first organisation is called; only the first start founds it
    #[arg(long)]
    organisation: Option<String>,
    /// Seed a consultancy with its library and three clients, two of them with a year of history
    #[arg(long)]
    demo: bool,
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

/// How the first administrator signs in.
enum SignIn {
    /// By this one-time link they set their password.
    First(String),
    /// They have one.
    Known,
    /// There are no passwords here.
    Elsewhere,
}

impl SignIn {
    fn told(&self, place: &str) -> String {
        let set = |link: &str| {
            format!(
                "Set a password for {ADMINISTRATOR} by this link, which counts once (each start gives a new one until it is set):\n\n\
                 \x20 curl {place}/password -d '{{\"link\": \"{link}\", \"password\": \"...\"}}'\n\n"
            )
        };
        let sign_in = format!(
            "Sign in with it for a token of 12 hours; docs/sign-in.md tells how others are let in:\n\n\
             \x20 curl {place}/sign-in -d '{{\"person\": \"{ADMINISTRATOR}\", \"password\": \"...\"}}'\n\n"
        );
        match self {
            Self::First(link) => set(link) + &sign_in,
            Self::Known => sign_in.replacen("with it", &format!("as {ADMINISTRATOR}"), 1),
            Self::Elsewhere => String::new(),
        }
    }
}

/// What the options name.
struct Named {
    mail: Option<Mail>,
    providers: Providers,
    printer: Typst,
}

/// Everything that runs until somebody stops it.
struct Started {
    running: Running,
    told: Told,
    sign_in: SignIn,
    /// Writes what is still to be logged when it is dropped.
    _log: WorkerGuard,
}

impl Up {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let mut signals = Signals::listen()?;
        // Before anything is started: what is wrong with the options is said at once.
        let named =
            Named { mail: self.mail.mail()?, providers: self.providers.read()?, printer: self.fonts.printer()? };
        let listener = listen(&self.listen).await?;
        let data = installation::directory(self.data.as_deref())?;
        let progress = Progress::new();
        let tell = |step: &str| progress.tell(step);
        let pair = tokio::select! {
            pair = Pair::start_with(&data, Durability::Fsync, &tell) => pair?,
            // The servers that run already are ended by being dropped.
            () = signals.asked_to_stop() => return Ok(ExitCode::FAILURE),
        };
        let started = tokio::select! {
            started = self.start_beside(&pair, &data, listener, named, &progress) => started.map(Some),
            () = signals.asked_to_stop() => Ok(None),
        };
        if let Ok(Some(started)) = &started {
            started.told.tell(&data)?;
            print_summary(&started.told, &data, &started.sign_in);
            signals.asked_to_stop().await;
        }
        println!("stopping ...");
        Told::forget(&data);
        let failure = match started {
            Ok(Some(started)) => {
                started.running.stop().await;
                None
            }
            Ok(None) => None,
            Err(error) => Some(error),
        };
        pair.stop().await?;
        if let Some(error) = failure {
            return Err(error);
        }
        println!("stopped");
        Ok(ExitCode::SUCCESS)
    }

    async fn start_beside(
        &self,
        pair: &Pair,
        data: &Path,
        listener: TcpListener,
        Named { mail, providers, printer }: Named,
        progress: &Progress,
    ) -> anyhow::Result<Started> {
        let secrets = self.secrets(data, progress)?;
        let (issuer, verifier) = Issuer::from_seed(&secrets.issuer_seed)?;
        let verifier = verifier.trusting(providers);
        let log = log_below(data)?;
        service::prometheus();
        let (rates, proxies) = (self.rates.rates(), self.rates.proxies);
        let settings = Settings { rates, proxies, ..migrated(pair, &secrets, verifier, progress).await? };

        progress.tell("starting the services");
        let entrance = self.accounts.entrance(Some(&issuer));
        let place = self.files.place(Some(&data.join("files")))?;
        let files = self.files.files(place.as_deref())?;
        let given = Given { entrance: Some(&entrance), mail: mail.as_ref(), files: files.as_ref() };
        let running = Running::start(services::printing(services::all(given)?, printer), settings, listener)?;
        let stores = loop {
            match tokio::time::timeout(Duration::from_secs(5), running.ready()).await {
                Ok(stores) => break stores,
                Err(_) => progress.tell(&format!("still waiting: {}", running.waits_for().join("; "))),
            }
        };
        let tenancy = stores.first().context("tenancy is the first service")?;
        organisation::found(tenancy, secrets.organisation, &secrets.name, secrets.kind).await?;
        let told = Told {
            address: format!("http://{}", running.address),
            organisation: secrets.organisation,
            token: organisation::kept_token(data, tenancy, &issuer, secrets.organisation).await?,
            postgres: pair.postgres.admin_url(),
            nats: pair.nats.url(),
            password: secrets.password.clone(),
            files: place.unwrap_or_default(),
        };
        let sign_in = if self.accounts.are_on() {
            organisation::first_link(tenancy, secrets.organisation).await?.map_or(SignIn::Known, SignIn::First)
        } else {
            SignIn::Elsewhere
        };
        if self.demo {
            demo::seed(&told, data, &|step| progress.tell(step)).await?;
        }
        Ok(Started { running, told, sign_in, _log: log })
    }

    fn secrets(&self, data: &Path, progress: &Progress) -> anyhow::Result<Secrets> {
        let (name, kind) = match (&self.organisation, self.demo) {
            (Some(name), demo) => (name.clone(), if demo { Kind::Consultancy } else { Kind::Enterprise }),
            (None, true) => (demo::consultancy()?, Kind::Consultancy),
            (None, false) => ("My organisation".to_owned(), Kind::Enterprise),
        };
        let secrets = Secrets::kept(data, &name, kind)?;
        if self.organisation.as_ref().is_some_and(|name| *name != secrets.name) {
            progress.tell(&format!("the organisation is called {} since the first start", secrets.name));
        }
        Ok(secrets)
    }
}

async fn migrated(pair: &Pair, secrets: &Secrets, verifier: Verifier, progress: &Progress) -> anyhow::Result<Settings> {
    let postgres = Server::new(&pair.postgres.admin_url(), PREFIX)?;
    for service in services::all(Given::default())? {
        progress.tell(&format!("migrating {}", service.name));
        eventstore::migrate(&postgres, service.name, &secrets.password, &service.migrations)
            .await
            .with_context(|| format!("the database of {} cannot be brought up to date", service.name))?;
    }
    Ok(Settings {
        postgres,
        password: Some(secrets.password.clone()),
        connections: 16,
        nats: pair.nats.url(),
        prefix: PREFIX.to_owned(),
        verifier,
        rates: Rates::default(),
        proxies: 0,
    })
}

/// JSON lines in a file a day: the terminal is for people.
fn log_below(data: &Path) -> anyhow::Result<WorkerGuard> {
    let folder = data.join("log");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    let daily = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("stele")
        .filename_suffix("log")
        .max_log_files(LOGS_KEPT)
        .build(&folder)?;
    let (writer, guard) = tracing_appender::non_blocking(daily);
    service::log_to(writer);
    Ok(guard)
}

/// Steps of the start, each with the second at which it began.
struct Progress(Instant);

impl Progress {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn tell(&self, step: &str) {
        eprintln!("{:>6.1} s  {step}", self.0.elapsed().as_secs_f64());
    }
}

fn print_summary(told: &Told, data: &Path, sign_in: &SignIn) {
    let Told { address, organisation, token, .. } = told;
    let usual = embedded::default_data_dir().is_ok_and(|usual| usual == data);
    let variable = if usual { String::new() } else { format!("STELE_DATA={} ", data.display()) };
    let sign_in = sign_in.told(&format!("{address}/v1/organisations/{organisation}"));
    println!(
        "\nStele runs.\n\n\
         \x20 address       {address}   (API reference: {address}/docs)\n\
         \x20 data          {data}\n\
         \x20 log           {data}/log\n\
         \x20 organisation  {organisation}\n\
         \x20 token         {token}\n\n\
         A first request:\n\n\
         \x20 curl -H 'Authorization: Bearer {token}' \\\n\
         \x20   {address}/v1/organisations/{organisation}/tenants\n\n\
         {sign_in}\
         In another terminal, `eval \"$({variable}./dev env)\"` sets STELE, ORGANISATION and TOKEN for the README's walk.\n\
         Ctrl-C stops everything.",
        data = data.display()
    );
}
