use crate::child::Server;
use crate::program::Program;
use crate::{Directory, Error, ports};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const STARTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A server that ran this long begins with the first pause again.
const CALM: Duration = Duration::from_secs(60);

/// What a server is at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// None between its end and its restart.
    pub pid: Option<u32>,
    /// It answered since it was started, and runs.
    pub healthy: bool,
    /// How often it was restarted and answered again.
    pub restarts: u32,
}

/// A server and the task that keeps it running, on one port, until it is stopped or dropped.
pub struct Supervised {
    pub port: u16,
    state: watch::Receiver<State>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

impl Supervised {
    /// Starts it on the port that `folder` keeps, and waits until it answers.
    pub async fn start<P: Program>(
        directory: &Arc<Directory>,
        folder: &Path,
        program: impl Fn(u16) -> P,
    ) -> Result<Self, Error> {
        let mut tried = 0;
        let (port, program, server) = loop {
            let port = ports::kept(&folder.join("port"))?;
            let program = program(port);
            let mut server = Server::spawn(&program).await?;
            tried += 1;
            match server.until_it_answers(&program).await {
                Ok(()) => break (port, program, server),
                // Between the look at the port and the server's own, another process may have taken it.
                Err(Error::Ended { .. }) if tried < STARTS => sleep(FIRST_PAUSE).await,
                Err(error) => return Err(error),
            }
        };
        let (tell, state) = watch::channel(State { pid: server.pid(), healthy: true, restarts: 0 });
        let (stop, asked) = oneshot::channel();
        // The directory stays locked until the server is gone, also where nobody waits for that.
        let task = tokio::spawn(run(program, server, tell, asked, Arc::clone(directory)));
        Ok(Self { port, state, stop, task })
    }

    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    pub async fn stop(self) -> Result<(), Error> {
        // A task that is gone, with the runtime it ran on, has killed its server by dropping it.
        let _ = self.stop.send(());
        self.task.await.unwrap_or(Ok(()))
    }
}

async fn run<P: Program>(
    program: P,
    mut server: Server,
    tell: watch::Sender<State>,
    stop: oneshot::Receiver<()>,
    _directory: Arc<Directory>,
) -> Result<(), Error> {
    let asked = tokio::select! {
        biased;
        asked = stop => asked,
        never = keep_running(&program, &mut server, &tell) => match never {},
    };
    tell.send_modify(|state| state.healthy = false);
    match asked {
        Ok(()) => server.stop(P::STOP).await,
        // Dropped, for a panic or a start that failed elsewhere: nobody waits for a clean end.
        Err(_) => server.stop("-KILL").await,
    }
}

async fn keep_running<P: Program>(program: &P, server: &mut Server, tell: &watch::Sender<State>) -> Infallible {
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let status = server.end().await;
        tell.send_modify(|state| (state.pid, state.healthy) = (None, false));
        if started.elapsed() > CALM {
            pause = FIRST_PAUSE;
        }
        let log = program.log();
        tracing::warn!(program = P::NAME, status, log = %log.display(), "{} ended and is restarted", P::NAME);
        loop {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            match Server::spawn(program).await {
                Ok(new) => break *server = new,
                Err(error) => tracing::error!(program = P::NAME, "{} is still down: {error}", P::NAME),
            }
        }
        tell.send_modify(|state| state.pid = server.pid());
        while let Err(error) = server.until_it_answers(program).await {
            // One that ended is the next round's. One that runs may be busy: to kill it would only begin its work anew.
            if !matches!(error, Error::Silent { .. }) {
                break;
            }
            tracing::error!(program = P::NAME, "{error}");
        }
        if server.pid().is_some() {
            tell.send_modify(|state| (state.healthy, state.restarts) = (true, state.restarts + 1));
        }
    }
}
