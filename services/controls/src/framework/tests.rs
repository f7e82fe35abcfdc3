use super::answers::Answers;
use super::upload::{COLUMNS, MAPPED, mappings, requirements};
use super::{Asked, Broken, Command, Contents, Event, Framework, Mapping, Strength, UploadedFramework};
use eventstore::{Actor, Cx, TenantId};
use service::{Columns, Table};
use std::collections::BTreeMap;

fn asked(id: &str) -> Asked {
    Asked { id: id.to_owned(), name: "Name".to_owned(), description: None, parent: None }
}

fn contents(ids: &[&str]) -> Contents {
    let requirements = ids.iter().map(|id| asked(id)).collect();
    Contents { title: "NIS2".to_owned(), version: None, requirements }
}

fn mapping(requirement: &str, framework: &str, target: &str, strength: Strength) -> Mapping {
    let (requirement, framework, target) = (requirement.to_owned(), framework.to_owned(), target.to_owned());
    Mapping { requirement, framework, target, strength }
}

fn when(framework: &mut Framework, command: Command) -> Result<Vec<Event>, Broken> {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    let cx = Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now);
    let events = framework.decide(command, &cx)?;
    for event in events.clone() {
        framework.apply(event);
    }
    Ok(events)
}

#[test]
fn what_is_mapped_must_be_asked_for_and_stay() {
    let mut framework = Framework::default();
    assert_eq!(when(&mut framework, Command::Map(vec![])), Err(Broken::NotRegistered));
    when(&mut framework, Command::Register(contents(&["1", "2"]))).expect("registered");
    assert_eq!(when(&mut framework, Command::Register(contents(&["1", "2"]))), Ok(vec![]));
    assert_eq!(when(&mut framework, Command::Register(contents(&["1"]))), Err(Broken::Taken));
    let of = |requirement| vec![mapping(requirement, "iso27001_2022", "A.5.1", Strength::Full)];
    assert_eq!(when(&mut framework, Command::Map(of("3"))), Err(Broken::NotAskedFor(vec!["3".to_owned()])));
    when(&mut framework, Command::Map(of("2"))).expect("mapped");
    assert_eq!(when(&mut framework, Command::Map(of("2"))), Ok(vec![]));
    let without = Command::Describe { title: None, version: None, requirements: vec![asked("1")] };
    assert_eq!(when(&mut framework, without.clone()), Err(Broken::StillMapped(vec!["2".to_owned()])));
    when(&mut framework, Command::Map(vec![])).expect("mapped");
    assert!(when(&mut framework, without.clone()).is_ok());
    let edition =
        |said: &str| Command::Describe { title: None, version: Some(said.to_owned()), requirements: vec![asked("1")] };
    for (command, version) in [(edition("2022"), Some("2022")), (without, Some("2022")), (edition(""), None)] {
        when(&mut framework, command).expect("described");
        assert_eq!(framework.contents.as_ref().and_then(|contents| contents.version.as_deref()), version);
    }
    let relied_on = Command::Remove { answers: vec!["DORA".to_owned()] };
    assert_eq!(when(&mut framework, relied_on), Err(Broken::Answers(vec!["DORA".to_owned()])));
    assert_eq!(when(&mut framework, Command::Remove { answers: vec![] }), Ok(vec![Event::Removed {}]));
    assert_eq!(when(&mut framework, Command::Remove { answers: vec![] }), Err(Broken::NotRegistered));
    assert!(when(&mut framework, Command::Register(contents(&["1"]))).is_ok(), "its ref is free again");
}

#[test]
fn a_requirement_is_answered_by_way_of_others_as_far_as_the_weakest_step() {
    let uploaded = |mappings| UploadedFramework { contents: contents(&["1", "2"]), mappings };
    let one = uploaded(vec![
        mapping("1", "two", "2", Strength::Partial),
        mapping("1", "iso27001_2022", "A.5.1", Strength::Full),
        mapping("2", "iso27001_2013", "A.9.1.1", Strength::Full),
    ]);
    // They answer each other.
    let two = uploaded(vec![
        mapping("2", "one", "1", Strength::Full),
        mapping("2", "iso27001_2022", "A.8.13", Strength::Full),
        mapping("2", "iso27001_2022", "A.5.1", Strength::Partial),
    ]);
    let answers = Answers::of(&[("one", &one), ("two", &two)].into());
    let told = |framework: &str, requirement: &str| -> Vec<(String, Strength)> {
        answers.to(framework, requirement).into_iter().collect()
    };
    let control = |id: &str, strength| (id.to_owned(), strength);
    let (full, partial) = (Strength::Full, Strength::Partial);
    assert_eq!(told("one", "1"), [control("A.5.1", full), control("A.8.13", partial)]);
    assert_eq!(told("two", "2"), [control("A.5.1", full), control("A.8.13", full)]);
    assert_eq!(told("one", "2"), [control("A.5.15", full)]);
    assert_eq!(told("iso27001_2013", "A.18.2.3").len(), 2, "the one that was split");
    assert_eq!(told("iso27001_2022", "A.5.1"), [control("A.5.1", full)]);
    assert_eq!(told("three", "1"), []);
}

/// Each requirement of one leads to each of the other, and back: there are more ways than anybody could go.
#[test]
fn many_ways_to_one_control_are_not_each_gone() {
    let ids: Vec<String> = (0..300).map(|number| format!("{number}")).collect();
    let uploaded = |other: &str| {
        let pairs = ids.iter().flat_map(|id| ids.iter().map(move |target| (id, target)));
        let mut mappings: Vec<Mapping> = pairs.map(|(id, target)| mapping(id, other, target, Strength::Full)).collect();
        mappings.push(mapping("0", "iso27001_2022", "A.5.1", Strength::Partial));
        UploadedFramework { contents: contents(&[]), mappings }
    };
    let (one, two) = (uploaded("two"), uploaded("one"));
    let answers = Answers::of(&[("one", &one), ("two", &two)].into());
    for id in &ids {
        assert_eq!(answers.to("one", id).into_iter().collect::<Vec<_>>(), [("A.5.1".to_owned(), Strength::Partial)]);
    }
}

fn table(text: &str, columns: Columns) -> Table {
    Table::read(text.as_bytes(), None, &columns).expect("a table")
}

#[test]
fn a_table_tells_every_mistake_with_its_row() {
    let read = requirements(&table("ref_id,name,parent_ref\n1,Whole,\n1.a,Part,1\n", COLUMNS)).expect("read");
    assert_eq!(read[1].parent.as_deref(), Some("1"));
    let empty = requirements(&table("ref_id,name\n", COLUMNS)).expect_err("refused");
    assert!(empty[0].detail.starts_with("it has no rows"), "{empty:?}");
    let wrong = requirements(&table("ref_id,name,parent_ref\n1,,\n2,x,3\n3,x,\n3,x,\n4,x,4\n", COLUMNS));
    let wrong: BTreeMap<_, _> = wrong.expect_err("refused").into_iter().map(|error| (error.row, error.field)).collect();
    let field = |row, field: &str| (Some(row), field.to_owned());
    assert_eq!(wrong, [field(2, "name"), field(3, "parent_ref"), field(5, "ref_id"), field(6, "parent_ref")].into());
}

#[test]
fn a_row_maps_to_several_and_says_how_far() {
    let text = "requirement,answered_by,framework,strength\n1,\"a.5.1, A.5.2\",,partial\n2,x,other,\n1,A.5.1,,\n";
    let read = mappings(&table(text, MAPPED), "this").expect("read");
    let (full, partial) = (Strength::Full, Strength::Partial);
    let annex = |target, strength| mapping("1", "iso27001_2022", target, strength);
    assert_eq!(read, [(4, annex("A.5.1", full)), (2, annex("A.5.2", partial)), (3, mapping("2", "other", "x", full))]);
    let targets = (0..=5000).map(|number| format!("A.{number}")).collect::<Vec<_>>().join("|");
    let many = format!("requirement,answered_by\n1,{targets}\n");
    let wrong = mappings(&table(&many, MAPPED), "this").expect_err("refused");
    assert_eq!(wrong[0].detail, "it says 5001 times what answers what, and 5000 are the most: say less");
    let text = "requirement,answered_by,framework,strength\n1,,,\n1,x,this,half\n";
    let wrong = mappings(&table(text, MAPPED), "this").expect_err("refused");
    let told: Vec<_> = wrong.into_iter().map(|error| (error.row, error.field)).collect();
    let field = |row, field: &str| (Some(row), field.to_owned());
    assert_eq!(told, [field(2, "answered_by"), field(3, "framework"), field(3, "strength")]);
}
