use crate::say::say;
use eventstore::TenantId;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use views::Told;

/// How often progress is told.
const PAUSE: Duration = Duration::from_secs(2);

/// Prints what a rebuild of one tenant's views tells.
pub struct Teller {
    tenant: TenantId,
    started: Instant,
    /// Where each view began in this run, and when it was last told of.
    views: HashMap<&'static str, (i64, Instant)>,
    /// The first line that could not be printed.
    fault: Option<anyhow::Error>,
}

impl Teller {
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, started: Instant::now(), views: HashMap::new(), fault: None }
    }

    pub fn tell(&mut self, told: &Told) {
        let line = match told {
            Told::Begun { view } => {
                self.views.insert(view, (0, self.started));
                return;
            }
            Told::Continued { view, position } => {
                self.views.insert(view, (*position, self.started));
                format!("{view}: goes on after event {position}, up to which an interrupted rebuild came")
            }
            Told::BegunAnew { view, position, program } => {
                self.views.insert(view, (0, self.started));
                format!("{view}: begins anew: another program ({program}) had folded {position} events")
            }
            Told::Folded { view, position, of, rows } => {
                let rate = self.rate(view, *position);
                let now = Instant::now();
                match self.views.get_mut(view) {
                    Some((_, told)) if now - *told >= PAUSE => *told = now,
                    _ => return,
                }
                format!("{view}: {position} of {of} events, {rows} rows, {rate} events/s")
            }
            Told::Swapped(rebuilt) => {
                let rate = self.rate(rebuilt.view, rebuilt.events);
                format!("{}: {} events, {} rows, {rate} events/s", rebuilt.view, rebuilt.events, rebuilt.rows)
            }
        };
        if let Err(error) = say(format!("{} {line}", self.tenant)) {
            self.fault.get_or_insert(error);
        }
    }

    fn rate(&self, view: &str, position: i64) -> u128 {
        let first = self.views.get(view).map_or(0, |(first, _)| *first);
        let events = u128::try_from(position - first).unwrap_or_default();
        events * 1000 / self.started.elapsed().as_millis().max(1)
    }

    /// Says whether everything could be printed.
    pub fn end(self) -> anyhow::Result<()> {
        self.fault.map_or(Ok(()), Err)
    }
}
