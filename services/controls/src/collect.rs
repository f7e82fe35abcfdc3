use crate::control::{self, Control};
use crate::evidence::{Collect, Evidence};
use axum::response::Response;
use eventstore::{Aggregate, Cx, Stream, Work};
use serde::Deserialize;
use service::{Call, FieldError, Outcome, Problem, checked_ref, checked_text, field_error, instant, natural};
use utoipa::ToSchema;
use uuid::Uuid;

const LONGEST_TITLE: usize = 200;
const LONGEST_NOTE: usize = 10_000;
const MOST_SUPPORTED: usize = 100;

/// A note that shows that controls do what is said of them.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectEvidence {
    #[schema(example = "Restore test of March")]
    pub title: String,
    /// Kept to the letter.
    pub note: String,
    /// Ids of the controls that it supports.
    #[schema(example = json!(["A.8.13"]))]
    pub supports: Vec<String>,
    /// Where it was not now.
    #[schema(format = DateTime)]
    pub collected_at: Option<String>,
    #[schema(format = DateTime)]
    pub valid_until: Option<String>,
}

/// `POST /evidence`: one append over the evidence and each control that it supports, so a handler of its own.
pub async fn collect(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (body, cx) = call.command::<CollectEvidence>()?;
    let collect = body.checked(&cx).map_err(Problem::fields)?;
    // Made once: a second attempt after a collision collects the same evidence.
    let id = Uuid::now_v7();
    // What may collide is a supported control; the first stands for all.
    let lane = collect.supports.first().map(|control| Stream::new(Control::TYPE, control).to_string());
    let lane = lane.unwrap_or_default();
    let done = call.store.perform(&cx, &lane, |work| Box::pin(record(work, id, expected, collect.clone()))).await?;
    Ok(call.carried_out(&done, true))
}

async fn record(work: &mut Work, id: Uuid, expected: Option<i64>, collect: Collect) -> Result<Outcome, Problem> {
    work.preload(collect.supports.iter().map(|control| Stream::new(Control::TYPE, control)).collect()).await?;
    let mut unknown = Vec::new();
    for control in &collect.supports {
        if work.load::<Control>(control).await?.1 == 0 {
            unknown
                .push(field_error("supports", format!("there is no control {control} here: GET /controls lists them")));
        }
    }
    if !unknown.is_empty() {
        return Err(Problem::fields(unknown));
    }
    let collected = work.execute::<Evidence>(&id.to_string(), expected, collect.clone()).await?;
    for control in &collect.supports {
        let attach = control::Command::AttachEvidence { evidence: id, title: collect.title.clone() };
        work.execute::<Control>(control, None, attach).await?;
    }
    Ok(Outcome { id: id.to_string(), version: collected.version, changed: collected.changed })
}

impl CollectEvidence {
    fn checked(self, cx: &Cx) -> Result<Collect, Vec<FieldError>> {
        let mut errors = Vec::new();
        let title = checked_text("title", &self.title, LONGEST_TITLE).unwrap_or_else(|error| {
            errors.push(error);
            String::new()
        });
        errors.extend(checked_text("note", &self.note, LONGEST_NOTE).err());
        let supports = supported(&self.supports).unwrap_or_else(|error| {
            errors.push(error);
            Vec::new()
        });
        let mut at = |field, written: Option<String>| {
            let read = written.map(|text| instant(field, &text)).transpose();
            read.unwrap_or_else(|error| {
                errors.push(error);
                None
            })
        };
        let collected_at = at("collected_at", self.collected_at).or(cx.occurred_at).unwrap_or(cx.now);
        let valid_until = at("valid_until", self.valid_until);
        if collected_at > cx.now {
            errors
                .push(field_error("collected_at", "it lies in the future: give the instant at which it was collected"));
        }
        if valid_until.is_some_and(|until| until < collected_at) {
            errors.push(field_error("valid_until", format!("it lies before collected_at, which is {collected_at:?}")));
        }
        if errors.is_empty() {
            Ok(Collect { title, note: self.note, supports, collected_at, valid_until })
        } else {
            Err(errors)
        }
    }
}

/// Each control once, in the order of their numbers.
fn supported(controls: &[String]) -> Result<Vec<String>, FieldError> {
    if controls.is_empty() {
        return Err(field_error("supports", "name one control at least, such as A.8.13"));
    }
    if controls.len() > MOST_SUPPORTED {
        return Err(field_error("supports", format!("{MOST_SUPPORTED} controls are the most: collect it in parts")));
    }
    let mut controls: Vec<String> =
        controls.iter().map(|control| checked_ref("supports", control)).collect::<Result<_, _>>()?;
    // Equal ones side by side, whatever their numbers begin with.
    controls.sort_by_cached_key(|control| (natural(control), control.clone()));
    controls.dedup();
    Ok(controls)
}

#[cfg(test)]
mod tests {
    use super::CollectEvidence;
    use crate::evidence::Collect;
    use eventstore::{Actor, Cx, TenantId};
    use serde_json::{Value, json};

    fn checked(changed: &Value) -> Result<Collect, Vec<String>> {
        let mut body = json!({"title": "Restore test", "note": " It worked.\n", "supports": ["A.8.13"]});
        for (name, value) in changed.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let body: CollectEvidence = serde_json::from_value(body).expect("a body");
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let cx = Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now);
        body.checked(&cx).map_err(|errors| errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn a_note_is_kept_to_the_letter_and_collected_now_unless_it_says_when() {
        let collect = checked(&json!({})).expect("right");
        assert_eq!(
            (collect.note.as_str(), collect.collected_at.to_rfc3339().as_str()),
            (" It worked.\n", "2026-03-01T09:30:00+00:00")
        );
        let collect = checked(&json!({"collected_at": "2026-02-01T10:00:00+01:00"})).expect("right");
        assert_eq!(collect.collected_at.to_rfc3339(), "2026-02-01T09:00:00+00:00");
    }

    #[test]
    fn each_control_is_supported_once_in_the_standards_order() {
        let collect = checked(&json!({"supports": ["A.5.10", " A.5.2 ", "A.5.10"]})).expect("right");
        assert_eq!(collect.supports, ["A.5.2", "A.5.10"]);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = |changed: Value, fields: &[&str]| assert_eq!(checked(&changed).expect_err("refused"), fields);
        wrong(json!({"title": " ", "note": "", "supports": []}), &["title", "note", "supports"]);
        wrong(json!({"supports": ["A 8"]}), &["supports"]);
        wrong(json!({"supports": vec!["A.8.13"; 101]}), &["supports"]);
        wrong(json!({"collected_at": "2026-03-02T00:00:00Z"}), &["collected_at"]);
        wrong(json!({"valid_until": "2026-02-28T00:00:00Z"}), &["valid_until"]);
        wrong(json!({"collected_at": "today", "valid_until": "next year"}), &["collected_at", "valid_until"]);
    }
}
