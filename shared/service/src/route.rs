use crate::Problem;
use crate::call::{Call, Handling};
use crate::lines::{LINES, Line};
use crate::papers::PDF;
use access::{Action, Area};
use axum::http::Method;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Content, KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

const SMALL_BODY: usize = 128 * 1024;

/// The media type of a file, which says itself what it is.
const ANYTHING: &str = "*/*";

/// Whose partition a route works in; also the first half of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Tenant,
    Organisation,
}

/// Who comes through a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetsIn {
    /// To whom their roles allow its action.
    WhoMay,
    /// Everybody of the organisation: the handler shows each what they may see.
    Members,
    /// A key of the organisation's that provisions its people, and nobody else.
    Provisioners,
    /// Nobody has to say who they are: the handler looks at what they bring.
    Anybody,
}

/// How a standard writes bodies, answers and refusals, where it is not as everywhere else here.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// The media type of all of them.
    pub kind: &'static str,
    pub refused: fn(&Problem) -> Value,
    /// What `refused` gives, for the document.
    pub refusal: fn() -> RefOr<Schema>,
}

/// One operation: what it is called, who may ask for it, what it takes and gives, and who answers.
#[derive(Clone)]
pub struct Route {
    pub method: Method,
    pub(crate) scope: Scope,
    tail: &'static str,
    pub action: Action,
    pub summary: &'static str,
    parameters: Vec<Parameter>,
    /// What it takes, in one of these forms.
    pub(crate) bodies: Vec<Media>,
    /// Each status with what comes with it, where anything does.
    pub(crate) answers: Vec<(u16, Option<Media>)>,
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
    pub(crate) most_bytes: usize,
    /// Its handler reads the body as it comes.
    pub(crate) takes_files: bool,
    /// Why it takes no Idempotency-Key.
    pub(crate) keyless: Option<&'static str>,
    /// Why it takes no If-Match.
    pub(crate) versionless: Option<&'static str>,
    /// No role allows it: it takes an administrator of the owning organisation.
    pub(crate) for_administrators: bool,
    pub(crate) lets_in: LetsIn,
    /// It is there while nothing else can be written in the tenant.
    pub(crate) in_any_state: bool,
    pub(crate) dialect: Option<Dialect>,
    pub(crate) handler: Arc<dyn Fn(Call) -> Handling + Send + Sync>,
}

/// Why a route of many objects takes no If-Match.
pub const OF_MANY: &str = "what this changes is no single object: leave it out";

/// Why one takes none whose object has no version, or that has no object.
pub const OF_NONE: &str = "there is no version here that could be expected: leave it out";

/// A parameter of the query string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: Cow<'static, str>,
    pub about: Cow<'static, str>,
    /// All values that mean something; none where others than these do.
    pub choices: Vec<&'static str>,
}

/// A media type and the schema of what is in it.
#[derive(Clone)]
pub(crate) struct Media {
    pub kind: &'static str,
    pub content: Content,
}

impl Route {
    /// `/v1/tenants/{tenant}` and then `tail`.
    pub fn tenant(method: Method, tail: &'static str, action: Action, summary: &'static str) -> Self {
        Self::new(Scope::Tenant, method, tail, action, summary)
    }

    /// `/v1/organisations/{organisation}` and then `tail`.
    pub fn organisation(method: Method, tail: &'static str, action: Action, summary: &'static str) -> Self {
        Self::new(Scope::Organisation, method, tail, action, summary)
    }

    fn new(scope: Scope, method: Method, tail: &'static str, action: Action, summary: &'static str) -> Self {
        Self {
            method,
            scope,
            tail,
            action,
            summary,
            parameters: Vec::new(),
            bodies: Vec::new(),
            answers: Vec::new(),
            schemas: Vec::new(),
            most_bytes: SMALL_BODY,
            takes_files: false,
            keyless: None,
            versionless: None,
            for_administrators: false,
            lets_in: LetsIn::WhoMay,
            in_any_state: false,
            dialect: None,
            handler: Arc::new(|_| Box::pin(async { Err(crate::Problem::internal()) })),
        }
    }

    #[must_use]
    pub fn parameter(self, name: impl Into<Cow<'static, str>>, about: impl Into<Cow<'static, str>>) -> Self {
        self.choice(name, about, Vec::new())
    }

    /// The same of a parameter for which only these values mean something: another one is refused.
    #[must_use]
    pub fn choice(
        mut self,
        name: impl Into<Cow<'static, str>>,
        about: impl Into<Cow<'static, str>>,
        choices: Vec<&'static str>,
    ) -> Self {
        self.parameters.push(Parameter { name: name.into(), about: about.into(), choices });
        self
    }

    /// A JSON body; `reason` and `occurred_at` may come with it.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self) -> Self {
        T::schemas(&mut self.schemas);
        let schema = said_with(T::schema(), false);
        self.bodies =
            vec![Media { kind: "application/json", content: ContentBuilder::new().schema(Some(schema)).build() }];
        self
    }

    /// The reason must come with it.
    #[must_use]
    pub fn takes_with_reason<T: ToSchema>(mut self) -> Self {
        self = self.takes::<T>();
        let schema = said_with(T::schema(), true);
        self.bodies =
            vec![Media { kind: "application/json", content: ContentBuilder::new().schema(Some(schema)).build() }];
        self
    }

    /// A JSON body that is all the handler's.
    #[must_use]
    pub fn takes_document<T: ToSchema>(mut self) -> Self {
        let content = self.schema_of::<T>();
        self.bodies = vec![Media { kind: "application/json", content }];
        self
    }

    /// It begins an object, whose ref may come with it.
    #[must_use]
    pub fn takes_with_ref<T: ToSchema>(mut self) -> Self {
        self = self.takes::<T>();
        let RefOr::T(Schema::Object(mut object)) = said_with(T::schema(), false) else { return self };
        let about = "What people call it: its id for good. The next number, such as S-3, where it is not given";
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some(about)).build();
        object.properties.insert("ref".to_owned(), text.into());
        let schema = RefOr::T(Schema::Object(object));
        self.bodies =
            vec![Media { kind: "application/json", content: ContentBuilder::new().schema(Some(schema)).build() }];
        self
    }

    /// A body of another kind, `most_bytes` long at most.
    #[must_use]
    pub fn takes_text(mut self, kind: &'static str, most_bytes: usize) -> Self {
        self.bodies = vec![Media { kind, content: ContentBuilder::new().schema(Some(String::schema())).build() }];
        self.most_bytes = most_bytes;
        self
    }

    /// The same may come as a file of another kind.
    #[must_use]
    pub fn or_bytes(mut self, kind: &'static str) -> Self {
        self.bodies.push(Media { kind, content: file() });
        self
    }

    /// A body of any kind, `most_bytes` long at most, that its handler reads as it comes ([`Call::incoming`]).
    #[must_use]
    pub fn takes_file(mut self, most_bytes: usize) -> Self {
        self.bodies = vec![Media { kind: ANYTHING, content: file() }];
        (self.most_bytes, self.takes_files) = (most_bytes, true);
        self
    }

    /// A file, whatever it is ([`crate::Download`]).
    #[must_use]
    pub fn gives_file(mut self) -> Self {
        self.answers.push((200, Some(Media { kind: ANYTHING, content: file() })));
        self
    }

    /// A body of its own kind that is longer than most, `most_bytes` at most.
    #[must_use]
    pub fn up_to(mut self, most_bytes: usize) -> Self {
        self.most_bytes = most_bytes;
        self
    }

    /// A file, `most_bytes` long at most.
    #[must_use]
    pub fn takes_bytes(mut self, kind: &'static str, most_bytes: usize) -> Self {
        self.bodies = vec![Media { kind, content: file() }];
        self.most_bytes = most_bytes;
        self
    }

    /// It takes no Idempotency-Key, and says why and what to do.
    #[must_use]
    pub fn keyless(mut self, why: &'static str) -> Self {
        self.keyless = Some(why);
        self
    }

    /// It takes no If-Match, and says why and what to do.
    #[must_use]
    pub fn versionless(mut self, why: &'static str) -> Self {
        self.versionless = Some(why);
        self
    }

    /// Beside the action it takes an administrator of the organisation that owns the tenant.
    #[must_use]
    pub fn for_administrators(mut self) -> Self {
        self.for_administrators = true;
        self
    }

    /// Everybody of the organisation is let in, whatever their roles: the handler shows each what they may see.
    #[must_use]
    pub fn for_members(mut self) -> Self {
        self.lets_in = LetsIn::Members;
        self
    }

    /// It takes a key of the organisation's that provisions its people: no role allows it, and no administrator does it by hand.
    #[must_use]
    pub fn for_provisioners(mut self) -> Self {
        self.lets_in = LetsIn::Provisioners;
        self
    }

    /// What it takes and gives so far, and how it refuses, is written so.
    #[must_use]
    pub fn in_dialect(mut self, dialect: Dialect) -> Self {
        self.bodies.iter_mut().for_each(|media| media.kind = dialect.kind);
        self.answers.iter_mut().filter_map(|(_, media)| media.as_mut()).for_each(|media| media.kind = dialect.kind);
        self.dialect = Some(dialect);
        self
    }

    /// Nobody has to say who they are, and whether there is such an organisation is not told: by it people come to a token.
    /// Its handler bounds how often it is asked.
    #[must_use]
    pub fn for_anybody(mut self) -> Self {
        self.lets_in = LetsIn::Anybody;
        self
    }

    /// It may change something while the tenant is suspended or closed: its handler decides.
    #[must_use]
    pub fn in_any_state(mut self) -> Self {
        self.in_any_state = true;
        self
    }

    #[must_use]
    pub fn gives<T: ToSchema>(mut self, status: u16) -> Self {
        let content = self.schema_of::<T>();
        self.answers.push((status, Some(Media { kind: "application/json", content })));
        self
    }

    /// The status says it all.
    #[must_use]
    pub fn gives_nothing(mut self, status: u16) -> Self {
        self.answers.push((status, None));
        self
    }

    /// It begins something, and says so by 201; 200 where that was there already and nothing was recorded.
    #[must_use]
    pub fn begins<T: ToSchema>(self) -> Self {
        self.gives::<T>(201).gives::<T>(200)
    }

    /// The same is told by lines, as it comes, to who accepts them ([`Call::tell`]).
    #[must_use]
    pub fn tells<T: ToSchema>(mut self) -> Self {
        let content = self.schema_of::<Line<T>>();
        // A line refers to it, where the plain answer holds it.
        self.schemas.push((T::name().into_owned(), T::schema()));
        self.answers.push((200, Some(Media { kind: LINES, content })));
        self
    }

    #[must_use]
    pub fn gives_text(mut self, kind: &'static str) -> Self {
        let content = ContentBuilder::new().schema(Some(String::schema())).build();
        self.answers.push((200, Some(Media { kind, content })));
        self
    }

    /// A file.
    #[must_use]
    pub fn gives_bytes(mut self, kind: &'static str) -> Self {
        self.answers.push((200, Some(Media { kind, content: file() })));
        self
    }

    #[must_use]
    pub fn answered_by<F, A>(mut self, handler: F) -> Self
    where
        F: Fn(Call) -> A + Send + Sync + 'static,
        A: Future<Output = Result<axum::response::Response, crate::Problem>> + Send + 'static,
    {
        self.handler = Arc::new(move |call| Box::pin(handler(call)));
        self
    }

    pub fn path(&self) -> String {
        match self.scope {
            Scope::Tenant => format!("/v1/tenants/{{tenant}}{}", self.tail),
            Scope::Organisation => format!("/v1/organisations/{{organisation}}{}", self.tail),
        }
    }

    /// The area that it shows something of, where it is in one.
    pub fn area(&self) -> Option<Area> {
        Area::of(self.tail.trim_start_matches('/').split(['/', '.']).next().unwrap_or_default())
    }

    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter()
    }

    /// Whether it changes anything.
    pub fn writes(&self) -> bool {
        self.method != Method::GET
    }

    /// Whether it gives a paper as a PDF.
    pub fn prints(&self) -> bool {
        self.answers.iter().filter_map(|(_, media)| media.as_ref()).any(|media| media.kind == PDF)
    }

    /// The schema itself stands with the operation: a generic type has no name of its own. What it refers to has.
    fn schema_of<T: ToSchema>(&mut self) -> Content {
        T::schemas(&mut self.schemas);
        ContentBuilder::new().schema(Some(T::schema())).build()
    }
}

/// Bytes that no schema describes.
fn file() -> Content {
    let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
    let bytes = ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).build();
    ContentBuilder::new().schema(Some(RefOr::T(Schema::Object(bytes)))).build()
}

/// A command's schema with what may come with any: it is taken out before the command's own fields are read.
fn said_with(schema: RefOr<Schema>, needs_reason: bool) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = schema else { return schema };
    let optional = || SchemaType::from_iter([Type::String, Type::Null]);
    let why = if needs_reason { Type::String.into() } else { optional() };
    for (name, about, kind, format) in [
        ("reason", "Why: it is kept with the event", why, None),
        (
            "occurred_at",
            "When it happened, where that was not now",
            optional(),
            Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)),
        ),
    ] {
        let text = ObjectBuilder::new().schema_type(kind).format(format).description(Some(about)).build();
        object.properties.insert(name.to_owned(), text.into());
    }
    if needs_reason {
        object.required.push("reason".to_owned());
    }
    RefOr::T(Schema::Object(object))
}

/// A service's table of contents.
#[derive(Clone, Default)]
pub struct Routes(Vec<Route>);

impl Routes {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with(mut self, route: Route) -> Self {
        self.0.push(route);
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }
}
