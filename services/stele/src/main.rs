//! `stele`: the whole system by one command, or any of its services alone.

mod accounts;
mod archive;
mod demo;
mod env;
mod erasures;
mod export;
mod files;
mod fonts;
mod hand_over;
mod import;
mod installation;
mod organisation;
mod place;
mod providers;
mod rates;
mod rebuild;
mod say;
mod secrets;
mod serve;
mod services;
mod signals;
mod up;
mod verify;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "stele",
    version,
    about = "An event-sourced backend for an ISO/IEC 27001 management system",
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything here: a private PostgreSQL, a private NATS and all services, on one data directory
    Up(up::Up),
    /// Run some services against a given PostgreSQL and NATS
    Serve(serve::Serve),
    /// Bring the databases of the services up to date; run it before `serve`, as a user who may create roles and databases
    Migrate(serve::Migrate),
    /// Found an organisation and print a token of its administrator
    Organisation(organisation::Found),
    /// Print a token for an administrator of an organisation that is here
    Token(organisation::Token),
    /// Give a tenant to another organisation, whose administrators are let in from then on
    HandOver(hand_over::HandOver),
    /// Recompute every chain, view and the agreement of the trail with its sources; exit code 1 where something is wrong
    Verify(verify::Verify),
    /// Fold views anew from the first event and swap them in, while the system runs; list what of that is unfinished
    Rebuild(rebuild::Rebuild),
    /// List who was erased, or erase them again after an older state was restored
    Erasures(erasures::Erasures),
    /// Write one tenant's whole history into a file, while the system runs
    Export(export::Export),
    /// Restore a tenant from such a file, where nobody knows it yet
    Import(import::Import),
    /// Print address, organisation and a token of a running `stele up` as shell variables
    Env(env::Env),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(up) => up.run().await,
        Command::Serve(serve) => serve.run().await,
        Command::Migrate(migrate) => migrate.run().await,
        Command::Organisation(found) => found.run().await,
        Command::Verify(verify) => verify.run().await,
        Command::Rebuild(rebuild) => rebuild.run().await,
        Command::Token(token) => token.run().await,
        Command::HandOver(hand_over) => hand_over.run().await,
        Command::Erasures(erasures) => erasures.run().await,
        Command::Export(export) => export.run().await,
        Command::Import(import) => import.run().await,
        Command::Env(env) => env.run().await,
    };
    done.unwrap_or_else(|error| {
        if !say::is_nobody_listening(&error) {
            eprintln!("stele: {}", say::told(&error));
        }
        ExitCode::FAILURE
    })
}
