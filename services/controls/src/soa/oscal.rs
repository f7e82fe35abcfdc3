//! The Statement of Applicability as a component definition of OSCAL, NIST's format for what assessors' programs exchange: the ISMS
//! is the component, and each control of Annex A a requirement that it implements or, by our property `applicable`, does not.

use super::{FRAMEWORK, Soa, SoaRow, read, risks, word};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use paper::Stamp;
use serde::Serialize;
use service::{Call, Problem, json};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use uuid::Uuid;

const VERSION: &str = "1.1.3";

/// Of our properties: OSCAL has none for what a statement says beside the justification. It is a name, and nothing is there.
const NAMESPACE: &str = "https://stele.example.org/ns/oscal";

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Oscal {
    component_definition: ComponentDefinition,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct ComponentDefinition {
    uuid: Uuid,
    metadata: Metadata,
    components: Vec<Component>,
    back_matter: BackMatter,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    title: String,
    last_modified: DateTime<Utc>,
    /// The position of the log.
    version: String,
    oscal_version: &'static str,
    props: Vec<Property>,
    roles: Vec<Role>,
    parties: Vec<Party>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OscalProperty)]
struct Property {
    name: &'static str,
    ns: &'static str,
    value: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OscalRole)]
struct Role {
    id: &'static str,
    title: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OscalParty)]
struct Party {
    uuid: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = OscalComponent)]
struct Component {
    uuid: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    title: String,
    description: String,
    /// None where the tenant's controls were not there yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    control_implementations: Vec<ControlImplementation>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct ControlImplementation {
    uuid: Uuid,
    source: String,
    description: &'static str,
    implemented_requirements: Vec<ImplementedRequirement>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct ImplementedRequirement {
    uuid: Uuid,
    control_id: String,
    /// Why it applies, or does not.
    description: String,
    props: Vec<Property>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    responsible_roles: Vec<ResponsibleRole>,
    /// How it is implemented.
    #[serde(skip_serializing_if = "Option::is_none")]
    remarks: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct ResponsibleRole {
    role_id: &'static str,
    party_uuids: Vec<Uuid>,
}

#[derive(Serialize, ToSchema)]
struct BackMatter {
    resources: Vec<Resource>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OscalResource)]
struct Resource {
    uuid: Uuid,
    title: &'static str,
}

/// `GET /soa.oscal.json`
pub async fn as_oscal(call: Call) -> Result<Response, Problem> {
    let soa = read(&call).await?;
    let content = soa.content();
    let stamp = call.stamp(&content, "soa/document").await?;
    let written = Oscal::of(&soa, call.cx.tenant.0, &stamp);
    Ok(content.marked(json(StatusCode::OK, soa.position, &written)))
}

impl Oscal {
    fn of(soa: &Soa, tenant: Uuid, stamp: &Stamp) -> Self {
        let named = |what: &str| Uuid::new_v5(&tenant, what.as_bytes());
        let standard = named("standard");
        let person = |handle: &String| Party { uuid: named_person(tenant, handle), kind: "person", name: line(handle) };
        let owners: BTreeSet<&String> = soa.rows.iter().filter_map(|row| row.owner.as_ref()).collect();
        let organisation = Party { uuid: named("organisation"), kind: "organization", name: line(&stamp.organisation) };
        let requirements: Vec<_> = soa.rows.iter().map(|row| ImplementedRequirement::of(row, tenant)).collect();
        let implementation = ControlImplementation {
            uuid: named("soa"),
            source: format!("#{standard}"),
            description: "Which controls of Annex A apply, why, and how far they are implemented",
            implemented_requirements: requirements,
        };
        let has_rows = !implementation.implemented_requirements.is_empty();
        Self {
            component_definition: ComponentDefinition {
                // Another one for each state, as OSCAL wants it of a document.
                uuid: named(&format!("{} {}", soa.position, soa.digest)),
                metadata: Metadata {
                    title: line(&format!("Statement of Applicability of {}", stamp.tenant)),
                    last_modified: stamp.as_of,
                    version: soa.position.to_string(),
                    oscal_version: VERSION,
                    props: vec![property("digest", soa.digest.clone()), property("state", word(&soa.state))],
                    roles: vec![Role { id: "control-owner", title: "Answers for a control" }],
                    parties: std::iter::once(organisation).chain(owners.into_iter().map(person)).collect(),
                },
                components: vec![Component {
                    uuid: named("isms"),
                    kind: "process-procedure",
                    title: line(&stamp.tenant),
                    description: format!("The information security management system of {}", stamp.tenant),
                    control_implementations: Some(implementation).filter(|_| has_rows).into_iter().collect(),
                }],
                back_matter: BackMatter { resources: vec![Resource { uuid: standard, title: FRAMEWORK }] },
            },
        }
    }
}

impl ImplementedRequirement {
    fn of(row: &SoaRow, tenant: Uuid) -> Self {
        let said = [
            ("theme", word(&row.theme)),
            ("applicable", row.applicable.map(|applicable| applicable.to_string()).unwrap_or_default()),
            ("decided", row.decided.to_string()),
            ("basis", word(&row.basis)),
            ("required-by", risks(&row.required_by)),
            ("conflict", row.conflict.to_string()),
            ("implementation", word(&row.state)),
            ("evidence", row.evidence.to_string()),
        ];
        let owner = row
            .owner
            .as_ref()
            .map(|owner| ResponsibleRole { role_id: "control-owner", party_uuids: vec![named_person(tenant, owner)] });
        Self {
            uuid: Uuid::new_v5(&tenant, format!("control {}", row.id).as_bytes()),
            control_id: row.id.clone(),
            description: row.justification.clone(),
            // A property says something.
            props: said
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| property(name, value))
                .collect(),
            responsible_roles: owner.into_iter().collect(),
            remarks: row.how.clone().filter(|how| !how.is_empty()),
        }
    }
}

fn property(name: &'static str, value: String) -> Property {
    Property { name, ns: NAMESPACE, value }
}

fn named_person(tenant: Uuid, handle: &str) -> Uuid {
    Uuid::new_v5(&tenant, format!("person {handle}").as_bytes())
}

/// A title is one line.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
