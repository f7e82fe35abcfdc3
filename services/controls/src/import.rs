//! The registers of this service as they are uploaded.

mod controls;
mod exceptions;
mod suppliers;

pub use controls::Controls;
pub use exceptions::Exceptions;
pub use suppliers::Suppliers;

use catalogue::control_meant;
use service::{FieldError, field_error};

/// A control of Annex A as a file names it.
fn control(column: &str, written: &str) -> Result<String, FieldError> {
    let meant = control_meant(written).map(|control| control.id.clone());
    meant.ok_or_else(|| {
        let written = short(written);
        let detail = format!(
            "`{written}` is no control of ISO/IEC 27001:2022 Annex A: write an id such as A.5.1, or say which it means, as \
             in map={column}:{written}=A.5.1"
        );
        field_error(column, detail)
    })
}

fn short(written: &str) -> String {
    written.trim().chars().take(60).collect()
}
