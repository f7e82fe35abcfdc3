//! What every tenant starts from: the controls of ISO/IEC 27001:2022 Annex A and the baseline risk scales.
//!
//! Facts only (identifiers, titles, attributes), embedded at build time. The standard's own text is not ours to ship.

mod clauses;
mod controls;
mod correspondence;
mod documents;
mod former;
mod scales;

#[cfg(test)]
mod facts;

pub use clauses::{Clause, clauses, requirement_meant};
pub use controls::{Attributes, Control, Theme, annex_a, control, control_meant};
pub use correspondence::{Successors, predecessors, successors};
pub use documents::{DocumentDuty, MandatoryDocument, Slot, mandatory_documents};
pub use former::{FormerControl, annex_a_2013};
pub use scales::{Appetite, NotOnScale, Scales, ScalesError, baseline_scales};
