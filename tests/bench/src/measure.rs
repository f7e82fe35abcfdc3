//! What is measured, a file for each.

mod append;
mod command;
mod end_to_end;
mod files;
mod flood;
mod history;
mod http;
mod import;
mod load;
mod many_risks;
mod many_tenants;
mod quantification;
mod register;
mod relay;
mod search;
mod up;

use crate::bench::Bench;

/// Everything that `--only` asks for. What fails is told, and the rest is measured all the same; gives how many failed.
pub async fn all(bench: &Bench, after_each: impl Fn(&Bench) -> anyhow::Result<()>) -> anyhow::Result<usize> {
    let mut failed = 0;
    macro_rules! measure {
        ($($name:ident),*) => {
            $(
                if let Err(error) = $name::measure(bench).await {
                    failed += 1;
                    bench.tell(&format!("{}: NOT MEASURED: {error:#}", stringify!($name)));
                }
                after_each(bench)?;
            )*
        };
    }
    // What leaves much data behind comes last.
    measure!(append, command, load, flood, http, quantification, end_to_end, relay, import, many_risks, register);
    measure!(search, files, many_tenants, history, up);
    Ok(failed)
}
