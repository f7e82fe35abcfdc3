use crate::installation::Running;
use anyhow::{Context, bail};
use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

/// A consultancy, its library, its clients and what they did in a year: the shape is told in examples/README.md.
#[derive(Deserialize)]
struct Demo {
    consultancy: Consultancy,
    people: Vec<Person>,
    library: Library,
    clients: Vec<Client>,
}

/// The consultancy's baseline: what its first version says, and what the second says anew.
#[derive(Deserialize)]
struct Library {
    #[serde(rename = "ref")]
    id: String,
    name: String,
    description: String,
    items: Vec<Value>,
    later: Later,
}

/// Items in place of those of the same kind and ref, and new ones.
#[derive(Deserialize)]
struct Later {
    reason: String,
    items: Vec<Value>,
}

#[derive(Deserialize)]
struct Consultancy {
    name: String,
}

#[derive(Deserialize)]
struct Person {
    key: String,
    email: String,
    organisation_role: Option<String>,
    roles: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Client {
    key: String,
    name: String,
    /// It begins with the consultancy's library.
    #[serde(default)]
    from_library: bool,
    assets: Vec<Value>,
    risks: Vec<Risk>,
    acts: Vec<Act>,
}

#[derive(Deserialize)]
struct Risk {
    #[serde(rename = "ref")]
    id: String,
    name: String,
    description: String,
    assets: Vec<String>,
    owner: String,
}

#[derive(Deserialize)]
struct Act {
    days_ago: i64,
    by: String,
    reason: String,
    #[serde(flatten)]
    done: Done,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Done {
    IdentifyRisk {
        risk: String,
    },
    AssessRisk {
        risk: String,
        stage: String,
        likelihood: u8,
        impact: u8,
    },
    AssignRiskOwner {
        risk: String,
        owner: String,
    },
    DecideTreatment {
        risk: String,
        option: String,
        controls: Vec<String>,
    },
    SetControlState {
        control: String,
        state: String,
        how: String,
    },
    AssignControlOwner {
        control: String,
        owner: String,
    },
    ExcludeControl {
        control: String,
    },
    AddEvidence {
        control: String,
        title: String,
        note: String,
    },
    /// Approves the Statement of Applicability as it stands, and issues it.
    IssueSoa {},
    /// Whatever has no act of its own.
    #[serde(alias = "post")]
    Send {
        #[serde(default = "post")]
        method: String,
        path: String,
        body: Value,
    },
}

fn post() -> String {
    "POST".to_owned()
}

fn demo() -> anyhow::Result<Demo> {
    serde_json::from_str(include_str!("../../../examples/demo.json")).context("examples/demo.json")
}

/// What the consultancy of the demo is called.
pub fn consultancy() -> anyhow::Result<String> {
    Ok(demo()?.consultancy.name)
}

/// Seeds the clients by the public API, once. Every request carries a key that depends on nothing but its place in the
/// file, so a start that was killed in the middle goes on there.
pub async fn seed(running: &Running, data: &Path, progress: &(dyn Fn(&str) + Sync)) -> anyhow::Result<()> {
    let seeded = data.join("demo-seeded");
    if seeded.exists() {
        return Ok(());
    }
    let demo = demo()?;
    let api = Api::new(running, &demo).await?;
    progress(&format!("seeding the library {}", demo.library.name));
    api.publish(&demo.library, 1, &demo.library.items, "what every client begins with").await?;
    let mut created = Vec::new();
    for client in &demo.clients {
        progress(&format!("seeding {}: {} acts of a year", client.name, client.acts.len()));
        let tenant = api.tenant(client, &demo.library).await?;
        if client.from_library {
            created.push(tenant.id.clone());
        }
        Seeding { api: &api, client, tenant }
            .run(&demo.people)
            .await
            .with_context(|| format!("seeding {}", client.name))?;
    }
    let Later { reason, items } = &demo.library.later;
    api.publish(&demo.library, 2, &with_later(&demo.library.items, items), reason).await?;
    api.push(&demo.library, 2, &created, reason).await?;
    fs::write(seeded, "").context("the data directory cannot be written")
}

/// The items, with the later ones in place of those of the same kind and ref.
fn with_later(items: &[Value], later: &[Value]) -> Vec<Value> {
    let name = |item: &Value| {
        let (kind, said) = item.as_object()?.iter().next()?;
        Some((kind.clone(), said["ref"].as_str()?.to_owned()))
    };
    let is_replaced = |item: &&Value| later.iter().any(|other| name(other).is_some() && name(other) == name(item));
    items.iter().filter(|item| !is_replaced(item)).chain(later).cloned().collect()
}

struct Api {
    http: reqwest::Client,
    address: String,
    organisation: String,
    tokens: HashMap<String, String>,
}

/// A client's tenant, and the day from which its history counts back.
struct Tenant {
    id: String,
    day_zero: DateTime<Utc>,
}

impl Api {
    async fn new(running: &Running, demo: &Demo) -> anyhow::Result<Self> {
        let mut api = Self {
            http: reqwest::Client::new(),
            address: running.address.clone(),
            organisation: running.organisation.to_string(),
            tokens: HashMap::from([("admin".to_owned(), running.token.clone())]),
        };
        let path = format!("/v1/organisations/{}/tokens", api.organisation);
        for person in &demo.people {
            let administrator = person.organisation_role.as_deref() == Some("org_admin");
            let body = json!({ "person": person.key, "administrator": administrator, "days": 1 });
            let issued = api.send("POST", &path, "admin", None, &body).await?;
            let token = issued["token"].as_str().context("a token was asked for")?;
            api.tokens.insert(person.key.clone(), token.to_owned());
        }
        Ok(api)
    }

    /// What the library says from this version on.
    async fn publish(&self, library: &Library, version: u32, items: &[Value], reason: &str) -> anyhow::Result<()> {
        let Library { id, name, description, .. } = library;
        let libraries = format!("/v1/organisations/{}/libraries", self.organisation);
        let registered = json!({ "ref": id, "name": name, "description": description });
        for (method, path, body) in [
            ("POST", libraries.clone(), registered),
            ("PUT", format!("{libraries}/{id}/contents"), json!({ "items": items, "reason": reason })),
            ("POST", format!("{libraries}/{id}/versions"), json!({ "reason": reason })),
        ] {
            let key = format!("demo library {version} {method} {path}");
            self.send(method, &path, "admin", Some(&key), &body).await?;
        }
        Ok(())
    }

    async fn push(&self, library: &Library, version: u32, tenants: &[String], reason: &str) -> anyhow::Result<()> {
        let path = format!("/v1/organisations/{}/libraries/{}/pushes", self.organisation, library.id);
        let body = json!({ "version": version, "tenants": tenants, "reason": reason });
        self.send("POST", &path, "admin", Some(&format!("demo library {version} pushed")), &body).await.map(drop)
    }

    /// The client's tenant: the one that an earlier start made, or a new one.
    async fn tenant(&self, client: &Client, library: &Library) -> anyhow::Result<Tenant> {
        let name = &client.name;
        let tenants = format!("/v1/organisations/{}/tenants", self.organisation);
        let key = format!("demo {name}");
        let mut body = json!({ "name": name });
        if client.from_library {
            body["library"] = json!({ "ref": library.id, "version": 1 });
        }
        let made = self.send("POST", &tenants, "admin", Some(&key), &body).await?;
        let id = made["id"].as_str().context("a tenant has an id")?.to_owned();
        // A repeated request must say the same to the letter: days are counted from when the tenant was added.
        let tenants = self.send("GET", &format!("{tenants}?limit=1000"), "admin", None, &Value::Null).await?;
        let added = tenants["items"].as_array().into_iter().flatten().find(|tenant| tenant["id"] == id.as_str());
        let added = added.and_then(|tenant| tenant["changed_at"].as_str()).context("a tenant is listed")?;
        let day = added.parse::<DateTime<Utc>>()?.date_naive();
        Ok(Tenant { id, day_zero: day.and_hms_opt(0, 0, 0).context("a day begins")?.and_utc() })
    }

    async fn send(&self, method: &str, path: &str, by: &str, key: Option<&str>, body: &Value) -> anyhow::Result<Value> {
        let token = self.tokens.get(by).with_context(|| format!("nobody is called {by}"))?;
        // Controls and roles arrive over NATS: the first acts may be a moment early.
        for pause_ms in [50, 200, 1000, 3000, 0] {
            let mut request = self.http.request(method.parse()?, format!("{}{path}", self.address)).bearer_auth(token);
            if method != "GET" {
                request = request.json(body);
            }
            if let Some(key) = key {
                request = request.header("Idempotency-Key", key);
            }
            let response = request.send().await?;
            let status = response.status();
            let answer: Value = response.json().await?;
            if status.is_success() {
                return Ok(answer);
            }
            if pause_ms == 0 || !matches!(status.as_u16(), 403 | 404 | 503) {
                bail!("{method} {path} by {by}: {status} {}", answer["detail"].as_str().unwrap_or_default());
            }
            tokio::time::sleep(std::time::Duration::from_millis(pause_ms)).await;
        }
        bail!("{method} {path} was not answered")
    }
}

struct Seeding<'a> {
    api: &'a Api,
    client: &'a Client,
    tenant: Tenant,
}

impl Seeding<'_> {
    async fn run(&self, people: &[Person]) -> anyhow::Result<()> {
        for person in people {
            if let Some(roles) = person.roles.get(&self.client.key) {
                self.send("PUT", &format!("/people/{}", person.key), "admin", json!({ "roles": roles })).await?;
                let contact = json!({ "email": person.email });
                // Of an address no key may tell: it is set again, and so it is already.
                let path = format!("/v1/tenants/{}/contacts/{}", self.tenant.id, person.key);
                self.api.send("PUT", &path, "admin", None, &contact).await?;
            }
        }
        for asset in &self.client.assets {
            self.send("POST", "/assets", "jonas", asset.clone()).await?;
        }
        for (number, act) in self.client.acts.iter().enumerate() {
            self.act(number, act).await?;
        }
        Ok(())
    }

    async fn act(&self, number: usize, act: &Act) -> anyhow::Result<()> {
        // Within a day, in the order of the file.
        let minute = i64::try_from(number % 480)?;
        let at = self.tenant.day_zero - Duration::days(act.days_ago + 1) + Duration::minutes(9 * 60 + minute);
        let said = json!({ "occurred_at": at, "reason": act.reason });
        let key = format!("demo act {number}");
        let Some((method, path, mut body)) = self.request(&act.done, &act.reason)? else {
            return self.issue_soa(&act.by, &key, said).await;
        };
        body["occurred_at"] = said["occurred_at"].clone();
        body["reason"] = said["reason"].clone();
        let path = format!("/v1/tenants/{}{path}", self.tenant.id);
        self.api.send(method, &path, &act.by, Some(&key), &body).await.map(drop)
    }

    /// What risk decided arrives by and by, and a statement that changed since it was read is not approved: it is read again. One
    /// that an earlier start issued stays as it is.
    async fn issue_soa(&self, by: &str, key: &str, said: Value) -> anyhow::Result<()> {
        let at = |tail: &str| format!("/v1/tenants/{}{tail}", self.tenant.id);
        let before = self.api.send("GET", &at("/soa/issues"), by, None, &Value::Null).await?;
        if before["items"].as_array().is_some_and(|issues| !issues.is_empty()) {
            return Ok(());
        }
        for pause_ms in [250, 1000, 3000, 0] {
            let soa = self.api.send("GET", &at("/soa"), by, None, &Value::Null).await?;
            let mut approval = said.clone();
            approval["digest"] = soa["digest"].clone();
            let issued = match self.api.send("POST", &at("/soa/approvals"), by, None, &approval).await {
                Ok(_) => self.api.send("POST", &at("/soa/issues"), by, Some(key), &said).await,
                Err(refused) => Err(refused),
            };
            if issued.is_ok() || pause_ms == 0 {
                return issued.map(drop);
            }
            tokio::time::sleep(std::time::Duration::from_millis(pause_ms)).await;
        }
        Ok(())
    }

    /// Nothing where it takes more than one request.
    fn request<'a>(&self, done: &'a Done, reason: &str) -> anyhow::Result<Option<(&'a str, String, Value)>> {
        Ok(Some(match done {
            Done::IdentifyRisk { risk } => {
                let known = self.client.risks.iter().find(|one| one.id == *risk);
                let Risk { id, name, description, assets, owner } =
                    known.with_context(|| format!("there is no {risk} in the demo"))?;
                let body =
                    json!({ "ref": id, "name": name, "description": description, "assets": assets, "owner": owner });
                ("POST", "/risks".to_owned(), body)
            }
            Done::AssessRisk { risk, stage, likelihood, impact } => {
                let body = json!({ "stage": stage, "likelihood": likelihood, "impact": impact, "rationale": reason });
                ("POST", format!("/risks/{risk}/assessments"), body)
            }
            Done::AssignRiskOwner { risk, owner } => ("PUT", format!("/risks/{risk}/owner"), json!({ "owner": owner })),
            Done::DecideTreatment { risk, option, controls } => {
                ("PUT", format!("/risks/{risk}/treatment"), json!({ "option": option, "controls": controls }))
            }
            Done::SetControlState { control, state, how } => {
                ("PUT", format!("/controls/{control}/implementation"), json!({ "state": state, "how": how }))
            }
            Done::AssignControlOwner { control, owner } => {
                ("PUT", format!("/controls/{control}/owner"), json!({ "owner": owner }))
            }
            Done::ExcludeControl { control } => {
                let body = json!({ "applicable": false, "justification": reason });
                ("PUT", format!("/controls/{control}/applicability"), body)
            }
            Done::AddEvidence { control, title, note } => {
                ("POST", "/evidence".to_owned(), json!({ "title": title, "note": note, "supports": [control] }))
            }
            Done::IssueSoa {} => return Ok(None),
            Done::Send { method, path, body } => (method, path.clone(), self.dated(body)),
        }))
    }

    /// With the days that are told by their distance from the start.
    fn dated(&self, body: &Value) -> Value {
        match body {
            Value::String(text) => match text.strip_prefix("day").and_then(|days| days.parse().ok()) {
                Some(days) => json!((self.tenant.day_zero + Duration::days(days)).date_naive()),
                None => body.clone(),
            },
            Value::Array(items) => items.iter().map(|item| self.dated(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.dated(value))).collect::<Map<_, _>>().into()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => body.clone(),
        }
    }

    async fn send(&self, method: &str, path: &str, by: &str, body: Value) -> anyhow::Result<Value> {
        let object = body["ref"].as_str().unwrap_or_default();
        let key = format!("demo {method} {path} {object}");
        self.api.send(method, &format!("/v1/tenants/{}{path}", self.tenant.id), by, Some(&key), &body).await
    }
}
