use super::{Kind, Profile, SecurityObjectives};

/// A row of an uploaded asset list. What its cells leave open stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    pub name: String,
    pub description: Option<String>,
    pub kind: Option<Kind>,
    pub domain: Option<String>,
    pub owner: Option<String>,
    pub security_objectives: Option<SecurityObjectives>,
    pub supports: Option<Vec<String>>,
}

impl Import {
    /// What is said about the asset after the row; one that is new and says no type is a supporting asset.
    pub(super) fn over(self, standing: Option<&Profile>) -> Profile {
        let standing = standing.cloned().unwrap_or_else(|| Profile {
            name: String::new(),
            description: String::new(),
            kind: Kind::Supporting,
            domain: None,
            owner: None,
            security_objectives: SecurityObjectives::default(),
            supports: vec![],
            scope: vec![],
        });
        Profile {
            name: self.name,
            description: self.description.unwrap_or(standing.description),
            kind: self.kind.unwrap_or(standing.kind),
            domain: self.domain.or(standing.domain),
            owner: self.owner.or(standing.owner),
            security_objectives: self.security_objectives.unwrap_or(standing.security_objectives),
            supports: self.supports.unwrap_or(standing.supports),
            scope: standing.scope,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Import;
    use crate::asset::{Asset, Command, Event, Kind};
    use crate::fixture::cx;

    fn row(name: &str) -> Import {
        Import {
            name: name.to_owned(),
            description: None,
            kind: None,
            domain: None,
            owner: None,
            security_objectives: None,
            supports: None,
        }
    }

    #[test]
    fn empty_cells_delete_nothing_and_the_same_row_again_is_no_event() {
        let mut asset = Asset::default();
        let full = Import {
            description: Some("Bookings".to_owned()),
            kind: Some(Kind::Primary),
            supports: Some(vec!["A-2".to_owned()]),
            ..row("Ledger")
        };
        let events = asset.decide(Command::Import(full.clone()), &cx()).expect("decided");
        assert!(matches!(events.as_slice(), [Event::Added(profile)] if profile.kind == Kind::Primary));
        for event in events {
            asset.apply(event);
        }

        for same in [full, row("Ledger")] {
            assert_eq!(asset.decide(Command::Import(same), &cx()), Ok(vec![]));
        }
        let renamed = asset.decide(Command::Import(row("Books")), &cx()).expect("decided");
        assert!(matches!(renamed.as_slice(), [Event::Changed(profile)]
            if profile.name == "Books" && profile.description == "Bookings" && profile.supports == ["A-2"]));
    }
}
