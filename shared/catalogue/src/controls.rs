//! The 93 controls of ISO/IEC 27001:2022 Annex A, in the standard's order.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// As the standard numbers it: `A.5.1`.
    pub id: String,
    pub title: String,
    pub theme: Theme,
    /// First appears in the 2022 edition.
    pub is_new: bool,
    pub attributes: Attributes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Theme {
    Organizational,
    People,
    Physical,
    Technological,
}

/// The five tag lists of ISO/IEC 27002:2022.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    pub control_type: Vec<String>,
    pub information_security_properties: Vec<String>,
    pub cybersecurity_concepts: Vec<String>,
    pub operational_capabilities: Vec<String>,
    pub security_domains: Vec<String>,
}

impl Control {
    /// Sorts by number, not by text: A.5.2, A.5.10, A.6.1.
    pub fn order(&self) -> (u8, u8) {
        self.id
            .strip_prefix("A.")
            .and_then(|number| number.split_once('.'))
            .and_then(|(clause, place)| Some((clause.parse().ok()?, place.parse().ok()?)))
            .expect("an Annex A id is A.<clause>.<place>: annex_a() admits no other")
    }
}

/// All controls of Annex A, in order.
pub fn annex_a() -> &'static [Control] {
    static CONTROLS: LazyLock<Vec<Control>> = LazyLock::new(|| {
        #[derive(Deserialize)]
        struct File {
            controls: Vec<Control>,
        }
        let file: File =
            serde_json::from_str(include_str!("../data/annex_a_2022.json")).expect("the embedded Annex A is valid");
        let mut controls = file.controls;
        controls.sort_by_key(Control::order);
        controls
    });
    &CONTROLS
}

/// The control with exactly this id.
pub fn control(id: &str) -> Option<&'static Control> {
    annex_a().iter().find(|control| control.id == id)
}

/// The control that people or other programs mean: by its id, also without the letter, with its title behind it, or as the
/// last part of a URN such as `iso27001-2022:a.5.1`; or by its title.
pub fn control_meant(written: &str) -> Option<&'static Control> {
    let written = written.trim().to_lowercase();
    let id = written.rsplit_once(':').map_or(written.as_str(), |(_, last)| last.trim());
    let first = written.split([' ', ':', '\u{a0}']).next().unwrap_or_default();
    let is = |control: &&Control| {
        let own = control.id.to_lowercase();
        own == id || own == first || own.strip_prefix("a.") == Some(id) || control.title.to_lowercase() == written
    };
    annex_a().iter().find(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(theme: Theme) -> usize {
        annex_a().iter().filter(|control| control.theme == theme).count()
    }

    #[test]
    fn ninety_three_controls_in_four_themes_eleven_of_them_new() {
        assert_eq!(annex_a().len(), 93);
        assert_eq!(count(Theme::Organizational), 37);
        assert_eq!(count(Theme::People), 8);
        assert_eq!(count(Theme::Physical), 14);
        assert_eq!(count(Theme::Technological), 34);
        assert_eq!(annex_a().iter().filter(|control| control.is_new).count(), 11);
    }

    #[test]
    fn each_control_has_a_title_a_theme_of_its_clause_and_all_five_attributes() {
        for control in annex_a() {
            assert!(!control.title.trim().is_empty(), "{} has no title", control.id);
            let clause = match control.theme {
                Theme::Organizational => 5,
                Theme::People => 6,
                Theme::Physical => 7,
                Theme::Technological => 8,
            };
            assert_eq!(control.order().0, clause, "{}", control.id);
            let tags = &control.attributes;
            for list in [
                &tags.control_type,
                &tags.information_security_properties,
                &tags.cybersecurity_concepts,
                &tags.operational_capabilities,
                &tags.security_domains,
            ] {
                assert!(!list.is_empty(), "{} lacks an attribute", control.id);
            }
        }
    }

    #[test]
    fn a_control_is_meant_in_many_ways() {
        for written in [
            "A.5.1",
            " a.5.1 ",
            "5.1",
            "iso27001-2022:a.5.1",
            "urn:x:req_node:iso27001-2022:a.5.1",
            "A.5.1: rules",
            "A.5.1 Policies",
            "policies for information security",
        ] {
            assert_eq!(control_meant(written).map(|control| control.id.as_str()), Some("A.5.1"), "{written}");
        }
        for written in ["", "5.1 inch", "A.5", "A.5.11x", "A.9.2.6", "backup policy"] {
            assert_eq!(control_meant(written), None, "{written}");
        }
    }

    #[test]
    fn order_is_by_number_without_a_gap_or_a_double() {
        let order = |id| control(id).expect("known").order();
        assert!(order("A.5.2") < order("A.5.10"));
        assert!(order("A.5.37") < order("A.6.1"));
        for pair in annex_a().windows(2) {
            let [(clause, place), next] = [pair[0].order(), pair[1].order()];
            assert!(next == (clause, place + 1) || next == (clause + 1, 1), "{}", pair[1].id);
        }
    }

    #[test]
    fn a_control_is_found_by_its_exact_id_only() {
        assert_eq!(control("A.8.28").map(|control| control.title.as_str()), Some("Secure coding"));
        for id in ["", "5.1", "a.5.1", "A.5.01", "A.5.38", "A.9.1.1"] {
            assert_eq!(control(id), None, "{id}");
        }
    }

    #[test]
    fn a_theme_is_written_in_snake_case() {
        assert_eq!(serde_json::to_value(Theme::Technological).expect("json"), "technological");
    }
}
