//! Which stream of which tenant a client works on next: the same walk in the harness and in the peers' program.

use uuid::Uuid;

/// How many commands a stream gets before its client begins another one, so that a load reads two events on the average,
/// however fast the store is.
pub const COMMANDS_A_STREAM: u32 = 5;

pub struct Walk {
    tenants: usize,
    commands: u32,
    at: Step,
}

/// A place to write to.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// From 0 on.
    pub tenant: usize,
    pub stream: Uuid,
    /// How often the stream was written to before.
    pub before: u32,
}

impl Walk {
    /// Each stream gets one append.
    pub fn of_appends(tenants: usize) -> Self {
        Self::new(tenants, 1)
    }

    /// Each stream gets some commands.
    pub fn of_commands(tenants: usize) -> Self {
        Self::new(tenants, COMMANDS_A_STREAM)
    }

    fn new(tenants: usize, commands: u32) -> Self {
        Self { tenants, commands, at: Step { tenant: 0, stream: Uuid::nil(), before: commands } }
    }

    pub fn step(&mut self) -> Step {
        if self.at.before >= self.commands {
            self.at = Step { tenant: fastrand::usize(..self.tenants), stream: Uuid::now_v7(), before: 0 };
        }
        let step = self.at;
        self.at.before += 1;
        step
    }
}
