//! Controls as bodies and files name them.

use super::Control;
use crate::checks::{Faults, tidy};
use eventstore::{Aggregate, Stream, Work};
use service::{FieldError, Problem, field_error};

/// A list of controls of Annex A, each once, in the standard's order.
pub fn checked_controls(field: &str, written: &[String]) -> Result<Vec<String>, Vec<FieldError>> {
    let mut faults = Faults::default();
    let known = written.iter().filter_map(|id| faults.keep(checked_control(field, id))).collect::<Vec<_>>();
    let errors = faults.into_errors();
    if errors.is_empty() { Ok(tidy(known)) } else { Err(errors) }
}

fn checked_control(field: &str, written: &str) -> Result<String, FieldError> {
    let control = catalogue::control(written.trim()).ok_or_else(|| {
        let written: String = written.trim().chars().take(20).collect();
        let detail = format!("`{written}` is no control of ISO/IEC 27001:2022 Annex A: write an id such as A.8.13");
        field_error(field, detail)
    })?;
    Ok(control.id.clone())
}

/// A control as a file names it.
pub fn control_meant(column: &str, written: &str) -> Result<String, FieldError> {
    let meant = catalogue::control_meant(written).map(|control| control.id.clone());
    meant.ok_or_else(|| {
        let written: String = written.trim().chars().take(60).collect();
        let detail = format!(
            "`{written}` is no control of ISO/IEC 27001:2022 Annex A: write an id such as A.8.13, or say which it means, as \
             in map=controls:{written}=A.8.13"
        );
        field_error(column, detail)
    })
}

/// What is said of a control that a treatment cannot rely on.
pub fn excluded(id: &str) -> String {
    format!("{id} is excluded as not applicable: include it first, or choose another control")
}

/// Refuses controls that are known not to apply.
pub async fn refuse_excluded(work: &mut Work, field: &str, ids: &[String]) -> Result<(), Problem> {
    work.preload(streams(ids)).await?;
    let mut faults = Faults::default();
    for id in ids {
        if is_excluded(work, id).await? {
            faults.wrong(field, excluded(id));
        }
    }
    faults.settle(Some(()))
}

pub async fn is_excluded(work: &mut Work, id: &str) -> Result<bool, Problem> {
    let (control, _) = work.load::<Control>(id).await?;
    Ok(control.0.applicable == Some(false))
}

pub fn streams(ids: &[String]) -> Vec<Stream> {
    ids.iter().map(|id| Stream::new(Control::TYPE, id)).collect()
}

#[cfg(test)]
mod tests {
    use super::checked_controls;

    #[test]
    fn controls_are_those_of_annex_a_in_its_order() {
        let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let checked = checked_controls("controls", &texts(&["A.8.13", "A.5.10", "A.5.2", " A.8.13"]));
        assert_eq!(checked, Ok(texts(&["A.5.2", "A.5.10", "A.8.13"])));
        let errors = checked_controls("controls", &texts(&["A.9.2.6", "A.8.13", "8.13"])).expect_err("refused");
        assert_eq!(errors.len(), 2);
        assert!(errors[0].detail.starts_with("`A.9.2.6` is no control"), "{}", errors[0].detail);
    }
}
