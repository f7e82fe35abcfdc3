use crate::checks::{checked_digest, checked_link};
use crate::control::{self, Control};
use crate::evidence::{Collect, Command, Content, Evidence};
use crate::keeping::named;
use axum::response::Response;
use eventstore::{Aggregate, Cx, Stream, Work};
use serde::Deserialize;
use service::{Call, Faults, FieldError, Outcome, Problem, checked_ref, checked_text, field_error, instant, natural};
use utoipa::ToSchema;
use uuid::Uuid;

const LONGEST_TITLE: usize = 200;
const LONGEST_NOTE: usize = 10_000;
const MOST_SUPPORTED: usize = 100;

/// What shows that controls do what is said of them: a note, a link or a file.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectEvidence {
    #[schema(example = "Restore test of March")]
    pub title: String,
    /// Kept to the letter. With a link or a file, what is said of it.
    pub note: Option<String>,
    /// Where it stands; nobody goes there.
    #[schema(example = "https://tickets.example.org/4711")]
    pub link: Option<String>,
    /// The SHA-256 of a file that `POST /files` took.
    pub file: Option<String>,
    /// Of what stands at the link, 64 hexadecimal digits: so that it can be told whether it is still the same.
    pub sha256: Option<String>,
    /// Who or what it came from.
    #[schema(example = "Backup server, nightly report")]
    pub source: Option<String>,
    /// Id of the evidence whose place it takes, which stays as it is.
    #[schema(format = Uuid)]
    pub replaces: Option<String>,
    /// Ids of the controls that it supports; where it replaces other evidence, those of that one unless it says others.
    #[serde(default)]
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
    let (collect, content) = body.checked(&cx)?;
    // Made once: a second attempt after a collision collects the same evidence.
    let id = Uuid::now_v7();
    // What may collide is a supported control; the first stands for all.
    let lane = collect.supports.first().map(|control| Stream::new(Control::TYPE, control).to_string());
    let lane = lane.unwrap_or_default();
    let done =
        call.store.perform(&cx, &lane, |work| Box::pin(record(work, id, expected, collect.clone(), content.clone())));
    Ok(call.carried_out(&done.await?, true))
}

async fn record(
    work: &mut Work,
    id: Uuid,
    expected: Option<i64>,
    mut collect: Collect,
    content: Content<String>,
) -> Result<Outcome, Problem> {
    let mut faults = Faults::default();
    let content = match content {
        Content::Note(note) => Some(Content::Note(note)),
        Content::Link { link, sha256, note } => Some(Content::Link { link, sha256, note }),
        Content::File { file, note } => {
            faults.keep(named(work, "file", &file).await?).map(|file| Content::File { file, note })
        }
    };
    let mut replaced = Vec::new();
    if let Some(old) = collect.replaces {
        match work.load::<Evidence>(&old.to_string()).await?.0.supports() {
            None => faults.wrong("replaces", format!("there is no evidence {old} here: GET /evidence lists it")),
            Some(supports) => replaced = supports.to_vec(),
        }
    }
    if collect.supports.is_empty() {
        collect.supports.clone_from(&replaced);
    }
    work.preload(collect.supports.iter().chain(&replaced).map(|control| Stream::new(Control::TYPE, control)).collect())
        .await?;
    for control in &collect.supports {
        if work.load::<Control>(control).await?.1 == 0 {
            faults.wrong("supports", format!("there is no control {control} here: GET /controls lists them"));
        }
    }
    let collecting = Command::Collect(Box::new((collect.clone(), faults.settle(content)?)));
    let collected = work.execute::<Evidence>(&id.to_string(), expected, collecting).await?;
    if let Some(old) = collect.replaces {
        work.execute::<Evidence>(&old.to_string(), None, Command::Replace { by: id }).await?;
        for control in &replaced {
            let detach = control::Command::DetachEvidence { evidence: old, replaced_by: id };
            work.execute::<Control>(control, None, detach).await?;
        }
    }
    for control in &collect.supports {
        let attach = control::Command::AttachEvidence { evidence: id, title: collect.title.clone() };
        work.execute::<Control>(control, None, attach).await?;
    }
    Ok(Outcome { id: id.to_string(), version: collected.version, changed: collected.changed })
}

impl CollectEvidence {
    fn checked(self, cx: &Cx) -> Result<(Collect, Content<String>), Problem> {
        let mut faults = Faults::default();
        let title = faults.keep(checked_text("title", &self.title, LONGEST_TITLE)).unwrap_or_default();
        let source = self.source.and_then(|source| faults.keep(checked_text("source", &source, LONGEST_TITLE)));
        let replaces = self.replaces.and_then(|old| faults.keep(evidence_id(&old)));
        let is_renewal = replaces.is_some() && self.supports.is_empty();
        let supports = if is_renewal { Vec::new() } else { faults.keep(supported(&self.supports)).unwrap_or_default() };
        let mut at = |field, written: Option<String>| written.and_then(|text| faults.keep(instant(field, &text)));
        let collected_at = at("collected_at", self.collected_at).or(cx.occurred_at).unwrap_or(cx.now);
        let valid_until = at("valid_until", self.valid_until);
        if collected_at > cx.now {
            faults.wrong("collected_at", "it lies in the future: give the instant at which it was collected");
        }
        if valid_until.is_some_and(|until| until < collected_at) {
            faults.wrong("valid_until", format!("it lies before collected_at, which is {collected_at:?}"));
        }
        if let Some(note) = &self.note {
            // As it was written: its digest is of these bytes.
            faults.keep(checked_text("note", note, LONGEST_NOTE));
        }
        let sha256 = self.sha256.and_then(|digest| faults.keep(checked_digest("sha256", &digest)));
        if sha256.is_some() && self.link.is_none() {
            faults.wrong("sha256", "that of a note or a file is told by us: leave it out");
        }
        let content = match (self.note, self.link, self.file) {
            (note, Some(link), None) => {
                faults.keep(checked_link("link", &link)).map(|link| Content::Link { link, sha256, note })
            }
            (note, None, Some(file)) => Some(Content::File { file, note }),
            (Some(note), None, None) => Some(Content::Note(note)),
            (None, None, None) => {
                faults.wrong("note", "say what shows it: a note, a link or a file");
                None
            }
            (_, Some(_), Some(_)) => {
                faults.wrong("link", "give a link or a file: each is evidence of its own");
                None
            }
        };
        let collect = Collect { title, source, replaces, supports, collected_at, valid_until };
        faults.settle(content.map(|content| (collect, content)))
    }
}

fn evidence_id(written: &str) -> Result<Uuid, FieldError> {
    written
        .trim()
        .parse()
        .map_err(|_| field_error("replaces", format!("`{written}` is no id of evidence: GET /evidence lists them")))
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
    use crate::evidence::{Collect, Content};
    use eventstore::{Actor, Cx, TenantId};
    use serde_json::{Value, json};

    fn checked(changed: &Value) -> Result<(Collect, Content<String>), String> {
        let mut body = json!({"title": "Restore test", "note": " It worked.\n", "supports": ["A.8.13"]});
        for (name, value) in changed.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let body: CollectEvidence = serde_json::from_value(body).expect("a body");
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let cx = Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now);
        body.checked(&cx).map_err(|problem| serde_json::to_string(&problem).expect("written"))
    }

    #[test]
    fn a_note_is_kept_to_the_letter_and_collected_now_unless_it_says_when() {
        let (collect, content) = checked(&json!({})).expect("right");
        assert_eq!(content, Content::Note(" It worked.\n".to_owned()));
        assert_eq!(collect.collected_at.to_rfc3339(), "2026-03-01T09:30:00+00:00");
        let (collect, _) = checked(&json!({"collected_at": "2026-02-01T10:00:00+01:00"})).expect("right");
        assert_eq!(collect.collected_at.to_rfc3339(), "2026-02-01T09:00:00+00:00");
    }

    #[test]
    fn a_link_or_a_file_may_come_with_a_note_and_not_with_each_other() {
        let link = "https://example.org/x";
        let (_, content) = checked(&json!({"link": link, "sha256": "AB".repeat(32)})).expect("right");
        let (link, note) = (link.to_owned(), Some(" It worked.\n".to_owned()));
        let sha256 = Some("ab".repeat(32));
        assert_eq!(content, Content::Link { link: link.clone(), sha256, note: note.clone() });
        let (_, content) = checked(&json!({"file": "00"})).expect("right: it is looked up later");
        assert_eq!(content, Content::File { file: "00".to_owned(), note });
        let refused = checked(&json!({"file": "00", "link": link})).expect_err("refused");
        assert!(refused.contains("give a link or a file"), "{refused}");
    }

    #[test]
    fn what_replaces_other_evidence_supports_the_same_unless_it_says_so() {
        let old = "0190a0b0-0000-7000-8000-000000000000";
        let supports = |changed: &Value| checked(changed).expect("right").0.supports;
        assert_eq!(supports(&json!({"replaces": old, "supports": []})), Vec::<String>::new());
        assert_eq!(supports(&json!({"replaces": old})), ["A.8.13"]);
        assert!(checked(&json!({"replaces": "R-1"})).is_err_and(|told| told.contains("`R-1` is no id of evidence")));
    }

    #[test]
    fn each_control_is_supported_once_in_the_standards_order() {
        let (collect, _) = checked(&json!({"supports": ["A.5.10", " A.5.2 ", "A.5.10"]})).expect("right");
        assert_eq!(collect.supports, ["A.5.2", "A.5.10"]);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = |changed: Value, fields: &[&str]| {
            let told = checked(&changed).expect_err("refused");
            for field in fields {
                assert!(told.contains(&format!("\"field\":\"{field}\"")), "{field}: {told}");
            }
        };
        wrong(json!({"title": " ", "note": "", "supports": []}), &["title", "note", "supports"]);
        wrong(json!({"note": null}), &["note"]);
        wrong(json!({"link": "ftp://example.org"}), &["link"]);
        wrong(json!({"sha256": "00".repeat(32)}), &["sha256"]);
        wrong(json!({"link": "https://example.org", "sha256": "00"}), &["sha256"]);
        wrong(json!({"supports": ["A 8"]}), &["supports"]);
        wrong(json!({"supports": vec!["A.8.13"; 101]}), &["supports"]);
        wrong(json!({"collected_at": "2026-03-02T00:00:00Z"}), &["collected_at"]);
        wrong(json!({"valid_until": "2026-02-28T00:00:00Z"}), &["valid_until"]);
        wrong(json!({"collected_at": "today", "valid_until": "next year"}), &["collected_at", "valid_until"]);
    }
}
