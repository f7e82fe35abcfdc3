//! What is kept of the standard's resources (RFC 7643), as it is published at `/Schemas` and as what comes is checked.

use super::refusal::{invalid_value, required};
use serde_json::{Map, Value, json};
use service::Problem;

pub type Attributes = Map<String, Value>;

/// No text is longer: RFC 5321 has 254 for an address.
const LONGEST: usize = 254;
const MOST_EMAILS: usize = 10;
const MOST_MEMBERS: usize = 10_000;

/// A type of resource.
pub struct Kind {
    pub name: &'static str,
    pub endpoint: &'static str,
    pub schema: &'static str,
    about: &'static str,
    attributes: &'static [Attribute],
}

#[derive(Clone, Copy)]
pub struct Attribute {
    pub name: &'static str,
    pub of: Type,
    /// The most values that it has, where it may have several.
    pub most: Option<usize>,
    required: bool,
    /// It has a value at all times: one of ours where none comes.
    always: bool,
    /// Published as it is; whoever sends it with another value is not heard.
    mutability: &'static str,
    about: &'static str,
}

#[derive(Clone, Copy)]
pub enum Type {
    Text {
        exact: bool,
        unique: bool,
    },
    Boolean,
    /// One of another type.
    Reference(&'static str),
    Complex(&'static [Attribute]),
}

const fn text(name: &'static str, about: &'static str) -> Attribute {
    let of = Type::Text { exact: false, unique: false };
    Attribute { name, of, most: None, required: false, always: false, mutability: "readWrite", about }
}

pub static USER: Kind = Kind {
    name: "User",
    endpoint: "Users",
    schema: "urn:ietf:params:scim:schemas:core:2.0:User",
    about: "Somebody of the organisation",
    attributes: &[
        Attribute {
            of: Type::Text { exact: false, unique: true },
            required: true,
            ..text("userName", "What they sign in as at the identity provider")
        },
        Attribute {
            of: Type::Complex(&[
                text("formatted", "All of it"),
                text("givenName", "The given name"),
                text("familyName", "The family name"),
            ]),
            ..text("name", "Their name, in its parts")
        },
        text("displayName", "What they are called; else their name, else what they sign in as"),
        Attribute {
            of: Type::Complex(&[
                text("value", "The address"),
                text("type", "What it is for"),
                Attribute { of: Type::Boolean, ..text("primary", "Whether mail goes there") },
            ]),
            most: Some(MOST_EMAILS),
            ..text("emails", "Where mail reaches them: the primary address, else the first")
        },
        Attribute { of: Type::Boolean, always: true, ..text("active", "Whether they are let in") },
    ],
};

pub static GROUP: Kind = Kind {
    name: "Group",
    endpoint: "Groups",
    schema: "urn:ietf:params:scim:schemas:core:2.0:Group",
    about: "People to whom a tenant gives roles together",
    attributes: &[
        Attribute { required: true, ..text("displayName", "What the group is called") },
        Attribute {
            of: Type::Complex(&[
                Attribute {
                    of: Type::Text { exact: true, unique: false },
                    mutability: "immutable",
                    ..text("value", "The user's id")
                },
                Attribute { of: Type::Reference("User"), mutability: "immutable", ..text("$ref", "Where the user is") },
            ]),
            most: Some(MOST_MEMBERS),
            ..text("members", "The users in it")
        },
    ],
};

/// Common to all; not part of any schema.
static EXTERNAL_ID: Attribute = Attribute {
    of: Type::Text { exact: true, unique: false },
    ..text("externalId", "Its id at the identity provider")
};

impl Kind {
    /// The attribute of this name, whatever its capitals.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().chain([&EXTERNAL_ID]).find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// What is kept of a resource as it came: attributes that are not kept are passed over, and what is wrong is told.
    pub fn kept(&self, body: Attributes) -> Result<Attributes, Problem> {
        let mut kept = Attributes::new();
        for (name, value) in body {
            if let Some(attribute) = self.attribute(&name)
                && let Some(value) = attribute.checked(value)?
            {
                kept.insert(attribute.name.to_owned(), value);
            }
        }
        let missing = self.attributes.iter().find(|attribute| attribute.required && !kept.contains_key(attribute.name));
        missing.map_or(Ok(kept), |attribute| Err(required(attribute.name)))
    }

    /// As it stands at `/Schemas`.
    pub fn published(&self) -> Value {
        let attributes: Vec<Value> = self.attributes.iter().map(Attribute::published).collect();
        json!({"schemas": [SCHEMA], "id": self.schema, "name": self.name, "description": self.about, "attributes": attributes})
    }

    /// As it stands at `/ResourceTypes`.
    pub fn resource_type(&self) -> Value {
        json!({
            "schemas": [RESOURCE_TYPE], "id": self.name, "name": self.name, "endpoint": format!("/{}", self.endpoint),
            "description": self.about, "schema": self.schema
        })
    }
}

pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

impl Attribute {
    pub fn sub(&self, name: &str) -> Option<&'static Attribute> {
        match self.of {
            Type::Complex(parts) => parts.iter().find(|part| part.name.eq_ignore_ascii_case(name)),
            Type::Text { .. } | Type::Boolean | Type::Reference(_) => None,
        }
    }

    /// Whether a resource may be without it.
    pub fn may_be_missing(&self) -> bool {
        !self.required && !self.always
    }

    /// The value as it is kept; nothing where it says that there is none.
    pub fn checked(&self, value: Value) -> Result<Option<Value>, Problem> {
        match (self.most, value) {
            (_, Value::Null) => Ok(None),
            (None, value) => self.checked_one(value),
            (Some(most), Value::Array(values)) if values.len() <= most => {
                let values: Result<Vec<Option<Value>>, Problem> =
                    values.into_iter().map(|value| self.checked_one(value)).collect();
                let mut kept: Vec<Value> = Vec::new();
                for value in values?.into_iter().flatten() {
                    if !kept.contains(&value) {
                        kept.push(value);
                    }
                }
                Ok(Some(Value::Array(kept)).filter(|kept| kept.as_array().is_some_and(|kept| !kept.is_empty())))
            }
            (Some(most), Value::Array(_)) => Err(invalid_value(self.name, &format!("{most} values are the most"))),
            (Some(_), value) => self.checked(Value::Array(vec![value])),
        }
    }

    fn checked_one(&self, value: Value) -> Result<Option<Value>, Problem> {
        match (self.of, value) {
            (Type::Text { .. } | Type::Reference(_), Value::String(text)) => self.checked_text(&text),
            (Type::Boolean, Value::Bool(value)) => Ok(Some(Value::Bool(value))),
            // Entra ID writes them so.
            (Type::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(Value::Bool(true))),
            (Type::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(Value::Bool(false))),
            (Type::Complex(_), Value::Object(parts)) => {
                let mut kept = Attributes::new();
                for (name, value) in parts {
                    if let Some(part) = self.sub(&name)
                        && let Some(value) = part.checked(value)?
                    {
                        kept.insert(part.name.to_owned(), value);
                    }
                }
                Ok((!kept.is_empty()).then_some(Value::Object(kept)))
            }
            // Some write the value alone where it is one of several.
            (Type::Complex(_), Value::String(text)) if self.most.is_some() => {
                Ok(self.checked_text(&text)?.map(|text| json!({ "value": text })))
            }
            (Type::Text { .. } | Type::Reference(_), _) => Err(invalid_value(self.name, "a text is expected")),
            (Type::Boolean, _) => Err(invalid_value(self.name, "true or false is expected")),
            (Type::Complex(_), _) => Err(invalid_value(self.name, "an object is expected")),
        }
    }

    fn checked_text(&self, text: &str) -> Result<Option<Value>, Problem> {
        let text = text.trim();
        if text.chars().count() > LONGEST {
            return Err(invalid_value(self.name, &format!("{LONGEST} characters are the most")));
        }
        Ok((!text.is_empty()).then(|| Value::String(text.to_owned())))
    }

    fn published(&self) -> Value {
        let (kind, exact, unique) = match self.of {
            Type::Text { exact, unique } => ("string", exact, unique),
            Type::Boolean => ("boolean", false, false),
            Type::Reference(_) => ("reference", true, false),
            Type::Complex(_) => ("complex", false, false),
        };
        let mut published = json!({
            "name": self.name, "type": kind, "multiValued": self.most.is_some(), "description": self.about,
            "required": !self.may_be_missing(), "caseExact": exact, "mutability": self.mutability, "returned": "default",
            "uniqueness": if unique { "server" } else { "none" }
        });
        match self.of {
            Type::Complex(parts) => published["subAttributes"] = parts.iter().map(Self::published).collect(),
            Type::Reference(to) => published["referenceTypes"] = json!([to]),
            Type::Text { .. } | Type::Boolean => {}
        }
        published
    }
}

#[cfg(test)]
mod tests {
    use super::{Attributes, GROUP, USER};
    use serde_json::{Value, json};

    fn kept(body: &Value) -> Result<Value, String> {
        let body: Attributes = body.as_object().expect("an object").clone();
        USER.kept(body).map(Value::Object).map_err(|problem| problem.to_string())
    }

    #[test]
    fn what_is_kept_of_a_user_is_little() {
        let came = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "another", "USERNAME": " mara@example.org ",
            "externalId": "00u1", "active": "False", "title": "CISO", "password": "secret", "displayName": null, "nickName": 3,
            "name": {"familyName": "Lind", "middleName": "X"}, "emails": {"value": "mara@example.org", "type": "work", "display": "x"}
        });
        let expected = json!({
            "userName": "mara@example.org", "externalId": "00u1", "active": false, "name": {"familyName": "Lind"},
            "emails": [{"value": "mara@example.org", "type": "work"}]
        });
        assert_eq!(kept(&came), Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, told) in [
            (json!({}), "userName: "),
            (json!({"userName": 3}), "userName: a text is expected"),
            (json!({"userName": "x".repeat(255)}), "userName: 254 characters are the most"),
            (json!({"userName": "x", "active": "perhaps"}), "active: true or false is expected"),
            (json!({"userName": "x", "name": "Mara"}), "name: an object is expected"),
            (json!({"userName": "x", "emails": [3]}), "emails: an object is expected"),
            (
                json!({"userName": "x", "emails": (0..11).map(|n| json!({"value": n.to_string()})).collect::<Vec<_>>()}),
                "emails: 10 values are the most",
            ),
        ] {
            let fault = kept(&body).expect_err(told);
            assert!(fault.starts_with(told), "{fault}");
        }
    }

    #[test]
    fn a_schema_tells_what_is_required_and_what_refers() {
        let user = USER.published();
        let names: Vec<&str> =
            user["attributes"].as_array().expect("some").iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(names, ["userName", "name", "displayName", "emails", "active"]);
        assert_eq!(
            (&user["attributes"][0]["required"], &user["attributes"][0]["uniqueness"]),
            (&json!(true), &json!("server"))
        );
        let group = GROUP.published();
        assert_eq!(group["attributes"][1]["subAttributes"][1]["referenceTypes"], json!(["User"]));
    }
}
