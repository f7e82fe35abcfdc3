use super::{Content, Event, Fitness, FitnessCheck, Kind, Profile};
use access::RoleName;
use axum::http::StatusCode;
use axum::response::Response;
use catalogue::Slot;
use chrono::{DateTime, NaiveDate, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use service::{Call, Dated, Problem, json};
use std::collections::BTreeSet;
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Filter, Folded, View, get, stream_key};

/// A document without the texts of its versions. A list filters and sorts by `title`, `kind`, `owner` (empty: nobody), `state`, `slot`
/// and `next_review`; otherwise it is in the order in which people count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShelvedDocument {
    pub title: String,
    pub kind: Kind,
    pub owner: Option<String>,
    /// Which of the documents that the standard asks for it is.
    #[schema(value_type = Option<String>, example = "information_security_policy")]
    pub slot: Option<Slot>,
    pub approvers: Vec<String>,
    pub audience: Vec<String>,
    /// Whoever has one of these roles is of the audience, too.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub audience_roles: Vec<RoleName>,
    pub state: DocumentState,
    /// The number of the newest version; 0: there is none.
    pub newest: u32,
    /// Who approved the newest version.
    pub approved_by: BTreeSet<String>,
    /// The version that counts.
    pub published: Option<u32>,
    pub published_at: Option<DateTime<Utc>>,
    pub next_review: Option<NaiveDate>,
    pub last_review: Option<FitnessCheck>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DocumentState {
    /// Nothing is published yet, and the newest version waits for approval; or there is none.
    Draft,
    /// All have approved the newest version; it is not published yet.
    Approved,
    /// A version counts, whether or not a newer one is being drafted.
    Published,
    Retired,
}

/// A document as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownDocument {
    #[serde(flatten)]
    document: ShelvedDocument,
    /// It counts, and the day of its next review has passed.
    review_overdue: bool,
}

impl ShelvedDocument {
    pub fn is_overdue(&self, today: NaiveDate) -> bool {
        self.state == DocumentState::Published && self.next_review.is_some_and(|day| day < today)
    }

    fn registered(profile: Profile) -> Self {
        let mut document = Self {
            title: String::new(),
            kind: Kind::Policy,
            owner: None,
            slot: None,
            approvers: Vec::new(),
            audience: Vec::new(),
            audience_roles: Vec::new(),
            state: DocumentState::Draft,
            newest: 0,
            approved_by: BTreeSet::new(),
            published: None,
            published_at: None,
            next_review: None,
            last_review: None,
        };
        document.describe(profile);
        document
    }

    fn describe(&mut self, profile: Profile) {
        let Profile { title, kind, owner, slot, approvers, audience, audience_roles } = profile;
        (self.title, self.kind, self.owner, self.slot) = (title, kind, owner, slot);
        (self.approvers, self.audience, self.audience_roles) = (approvers, audience, audience_roles);
    }

    fn follow(&mut self, event: Event, at: DateTime<Utc>) {
        match event {
            Event::Registered(profile) | Event::Described(profile) => self.describe(profile),
            Event::Drafted { version, .. } => {
                self.newest = version;
                self.approved_by.clear();
            }
            Event::Approved { approver, .. } => {
                self.approved_by.insert(approver);
            }
            Event::Published { version, next_review } => {
                (self.published, self.published_at) = (Some(version), Some(at));
                self.next_review = Some(next_review);
            }
            Event::Reviewed(review) => {
                self.next_review = Some(review.next_review);
                self.last_review = Some(review);
            }
            Event::Retired {} => self.state = DocumentState::Retired,
        }
        let is_approved = self.newest > 0
            && !self.approvers.is_empty()
            && self.approvers.iter().all(|approver| self.approved_by.contains(approver));
        self.state = match (self.state, self.published) {
            (DocumentState::Retired, _) => DocumentState::Retired,
            (_, Some(_)) => DocumentState::Published,
            (_, None) if is_approved => DocumentState::Approved,
            (_, None) => DocumentState::Draft,
        };
    }
}

impl View for ShelvedDocument {
    const NAME: &'static str = "document";
    const COLUMNS: &'static [Column] = &[
        Column::text("title"),
        Column::word("kind", Kind::VARIANTS),
        Column::text("owner"),
        Column::word("state", DocumentState::VARIANTS),
        Column::word("slot", Slot::VARIANTS).or_none(),
        Column::day("next_review"),
    ];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match (current, event.decode::<Event>()?) {
            (current, None) => current,
            (None, Some(Event::Registered(profile))) => Some(Self::registered(profile)),
            (None, Some(_)) => None,
            (Some(mut document), Some(said)) => {
                document.follow(said, event.recorded_at);
                Some(document)
            }
        })
    }
}

impl Dated for ShelvedDocument {
    type Shown = ShownDocument;

    fn on(self, today: NaiveDate) -> ShownDocument {
        ShownDocument { review_overdue: self.is_overdue(today), document: self }
    }
}

/// A version of a document, under `<document>/<number>`. A list filters and sorts by `number`; otherwise the first comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = DocumentVersion)]
pub struct Version {
    pub document: String,
    /// 1, 2, 3.
    pub number: u32,
    #[serde(flatten)]
    pub content: Content,
    pub drafted_by: String,
    pub drafted_at: DateTime<Utc>,
    /// Who approved it, and when.
    pub approvals: Vec<VersionApproval>,
    pub published_at: Option<DateTime<Utc>>,
    /// What reviews found while it counted.
    pub reviews: Vec<Fitness>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionApproval {
    approver: String,
    approved_at: DateTime<Utc>,
}

/// The version that an event is about.
fn of(event: &Event) -> Option<u32> {
    match event {
        Event::Drafted { version, .. } | Event::Approved { version, .. } | Event::Published { version, .. } => {
            Some(*version)
        }
        Event::Reviewed(review) => Some(review.version),
        Event::Registered(_) | Event::Described(_) | Event::Retired {} => None,
    }
}

impl View for Version {
    const NAME: &'static str = "document_version";
    const COLUMNS: &'static [Column] = &[Column::int("number")];
    const ORDER: Option<Column> = Some(Column::int("number"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        let version = event.decode::<Event>()?.as_ref().and_then(of);
        Ok(version.map(|version| format!("{}/{version}", event.stream.id())).into_iter().collect())
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(said) = event.decode::<Event>()? else { return Ok(current) };
        let at = event.recorded_at;
        if let Event::Drafted { version, content } = said {
            return Ok(Some(Self {
                document: event.stream.id().to_owned(),
                number: version,
                content,
                drafted_by: event.metadata.actor.to_string(),
                drafted_at: at,
                approvals: Vec::new(),
                published_at: None,
                reviews: Vec::new(),
            }));
        }
        Ok(current.map(|mut version| {
            match said {
                Event::Approved { approver, .. } => {
                    version.approvals.push(VersionApproval { approver, approved_at: at });
                }
                Event::Published { .. } => version.published_at = Some(at),
                Event::Reviewed(review) => version.reviews.push(review.result),
                Event::Drafted { .. } | Event::Registered(_) | Event::Described(_) | Event::Retired {} => {}
            }
            version
        }))
    }
}

/// `GET /documents/{id}/versions`
pub async fn versions(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let documents = call.position::<ShelvedDocument>(&mut session).await?;
    let position = call.position::<Version>(&mut session).await?.min(documents);
    let of_document = vec![Filter::Is(Column::text("document"), call.id().to_owned())];
    let listed = call.list_at::<Version>(&mut session, position, of_document).await?;
    if listed.items.is_empty() && get::<ShelvedDocument>(&mut session, call.id(), listed.position).await?.is_none() {
        return Err(Problem::not_found(format!("document {}", call.id())));
    }
    Ok(json(StatusCode::OK, listed.position, &listed))
}
