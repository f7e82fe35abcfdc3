use crate::{FieldError, Problem, Route, field_error};
use axum::extract::Query;
use axum::http::Uri;

/// The parameters of a query string, each given once, each known to its route.
#[derive(Clone, Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn read(uri: &Uri, route: &Route) -> Result<Self, Problem> {
        let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Problem::field("query", error.to_string()))?;
        let mut errors: Vec<FieldError> = Vec::new();
        for (index, (name, value)) in given.iter().enumerate() {
            let Some(parameter) = route.parameters().find(|known| known.name == *name) else {
                let known: Vec<&str> = route.parameters().map(|known| known.name.as_ref()).collect();
                let known =
                    if known.is_empty() { "none is".to_owned() } else { format!("known are {}", known.join(", ")) };
                errors.push(field_error(name, format!("this parameter is not known here; {known}")));
                continue;
            };
            if given.iter().take(index).any(|(before, _)| before == name) {
                errors.push(field_error(name, "it is given twice"));
            } else if value.contains('\0') {
                errors.push(field_error(name, "the character NUL is not allowed"));
            } else if !parameter.choices.is_empty() && !parameter.choices.contains(&value.as_str()) {
                let known: Vec<&str> = parameter.choices.iter().copied().filter(|choice| !choice.is_empty()).collect();
                errors.push(field_error(name, format!("`{value}` is none of {}", known.join(", "))));
            }
        }
        if errors.is_empty() { Ok(Self(given)) } else { Err(Problem::fields(errors)) }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn whole(&self, name: &str, least: i64, most: i64, otherwise: i64) -> Result<i64, Problem> {
        let Some(text) = self.get(name) else { return Ok(otherwise) };
        text.parse()
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| Problem::field(name, format!("`{text}` is not a whole number from {least} to {most}")))
    }

    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(other) => Err(Problem::field(name, format!("`{other}` is neither true nor false"))),
        }
    }
}
