use crate::body::{self, Said};
use crate::incoming::Incoming;
use crate::query::Parameters;
use crate::{Press, Problem, Route, Visitor};
use access::{Action, Caller, KEY, KnownGrant, KnownKey, Roster};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use eventstore::{Actor, CommandKey, Cx, EventStore, NOW, Session};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

/// What a handler gives.
pub type Handling = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

const LONGEST_KEY: usize = 200;

/// A request that was let in: who asks, where, what, and the store of the service that answers.
pub struct Call {
    pub store: EventStore,
    pub cx: Cx,
    pub caller: Caller,
    /// Who came, where the route is for anybody.
    pub visitor: Visitor,
    /// Where it comes from: of IPv6 the network.
    pub address: IpAddr,
    /// The API key that it came with, where it is no person's request.
    pub key: Option<Arc<KnownKey>>,
    /// The grant that an auditor came with.
    pub grant: Option<Arc<KnownGrant>>,
    pub(crate) path: HashMap<String, String>,
    pub query: Parameters,
    pub headers: HeaderMap,
    /// Read already, unless the route takes files: then it is still `incoming`.
    pub body: Bytes,
    pub incoming: Incoming,
    /// What prints papers, where anything does.
    pub(crate) press: Option<Press>,
    pub(crate) route: Route,
    /// The path and query as they were sent.
    pub(crate) target: String,
}

impl Call {
    /// `{id}` of the path.
    pub fn id(&self) -> &str {
        self.path.get("id").map_or("", String::as_str)
    }

    /// Another part of the path, by its name.
    pub fn part(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// Whether the caller may do this here too, beside the route's own action.
    pub async fn may(&self, action: Action) -> Result<bool, Problem> {
        if let Some(key) = &self.key {
            return Ok(key.may(action));
        }
        let roster = views::get::<Roster>(&mut self.session().await?, KEY, NOW - 1).await?.map(|row| row.data);
        Ok(roster.is_some_and(|roster| roster.allows(&self.caller, action, self.cx.now)))
    }

    /// Refuses what a program must not do: roles and keys are given and taken by people.
    pub fn by_a_person(&self) -> Result<(), Problem> {
        self.in_person("roles and keys are given and taken by people")
    }

    /// Refuses what only a person answers for.
    pub fn in_person(&self, why: &str) -> Result<(), Problem> {
        match self.cx.actor {
            Actor::Person(_) => Ok(()),
            Actor::Key(_) | Actor::Grant(_) | Actor::Service(_) | Actor::Operator(_) => {
                let detail = format!("an API key may not do this: {why}");
                Err(Problem::new(StatusCode::FORBIDDEN, "people_only", detail))
            }
        }
    }

    /// A transaction that sees the tenant's rows.
    pub async fn session(&self) -> Result<Session, Problem> {
        Ok(self.store.session(self.cx.tenant).await?)
    }

    /// The JSON body and the context that it completes: reason, time, Idempotency-Key.
    pub fn command<T: DeserializeOwned>(&self) -> Result<(T, Cx), Problem> {
        let (command, said) = body::parse(&self.body, self.cx.now)?;
        Ok((command, self.completed(said)?))
    }

    /// The same of a body that begins an object, with the object's ref before it, where it says one.
    pub fn command_with_ref<T: DeserializeOwned>(&self) -> Result<(Option<String>, T, Cx), Problem> {
        let (name, command, said) = body::parse_with_ref(&self.body, self.cx.now)?;
        Ok((name, command, self.completed(said)?))
    }

    /// The same where the body is not JSON: reason and time come in the query.
    pub fn upload(&self) -> Result<Cx, Problem> {
        let text = |name: &str| Ok(self.query.get(name).map(ToOwned::to_owned));
        let said = body::said(text("reason"), text("occurred_at"), self.cx.now);
        self.completed(said?)
    }

    /// The same for a file that has arrived: its digest stands for its bytes.
    pub fn upload_of(&mut self, digest: &str) -> Result<Cx, Problem> {
        self.body = Bytes::copy_from_slice(digest.as_bytes());
        self.upload()
    }

    fn completed(&self, said: Said) -> Result<Cx, Problem> {
        let command = self.idempotency_key()?;
        Ok(Cx { reason: said.reason, occurred_at: said.occurred_at, command, ..self.cx.clone() })
    }

    fn idempotency_key(&self) -> Result<Option<CommandKey>, Problem> {
        let Some(value) = self.headers.get("idempotency-key") else { return Ok(None) };
        if let Some(why) = self.route.keyless {
            return Err(Problem::field("Idempotency-Key", why));
        }
        let key = value.to_str().unwrap_or_default().trim();
        if key.is_empty() || key.len() > LONGEST_KEY {
            let detail = format!("1 to {LONGEST_KEY} printable ASCII characters are expected, such as a UUID");
            return Err(Problem::field("Idempotency-Key", detail));
        }
        let digest = Sha256::new()
            .chain_update(self.route.method.as_str())
            .chain_update([0])
            .chain_update(&self.target)
            .chain_update([0])
            .chain_update(&self.caller.person)
            .chain_update([0])
            .chain_update(&self.body)
            .finalize();
        Ok(Some(CommandKey { id: key.to_owned(), request_digest: digest.to_vec() }))
    }

    /// The version that the caller last saw, where it says so: an ETag as an earlier answer gave it.
    pub fn if_match(&self) -> Result<Option<i64>, Problem> {
        let Some(value) = self.headers.get(header::IF_MATCH) else { return Ok(None) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(None);
        }
        let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).parse();
        version.map(Some).map_err(|_| {
            Problem::field("If-Match", format!("`{text}` is not an ETag of ours: send it as it came, such as \"3\""))
        })
    }
}
