//! What this service takes of a consultancy's library: the methodology, assets and risk scenarios.

use crate::asset::{self, Asset, Circles, SecurityObjectives};
use crate::methodology::{self, AdoptedMethodology, Methodology, Written};
use crate::register::RegisteredRisk;
use crate::risk::{self, Assessment, Risk, Stage};
use crate::{RegisteredAsset, control};
use eventstore::{Session, Work};
use library::{Item, Takes};
use service::{Call, Faults, Problem};
use std::collections::BTreeMap;
use views::get_many;

pub struct Scenarios;

impl Takes for Scenarios {
    const LIST: &'static str = "/risk-proposals";
    const ONE: &'static str = "/risk-proposals/{id}";
    const HISTORY: &'static str = "/risk-proposals/{id}/history";
    const DECISIONS: &'static str = "/risk-proposals/{id}/decisions";

    fn takes(item: &Item) -> bool {
        match item {
            Item::Methodology(_) | Item::Asset(_) | Item::Risk(_) => true,
            Item::Control(_) | Item::Document(_) | Item::Supplier(_) => false,
        }
    }

    async fn position(call: &Call, session: &mut Session) -> Result<i64, Problem> {
        let methodology = call.position::<AdoptedMethodology>(session).await?;
        let assets = call.position::<RegisteredAsset>(session).await?;
        Ok(call.position::<RegisteredRisk>(session).await?.min(assets).min(methodology))
    }

    async fn standing(session: &mut Session, position: i64, items: Vec<Item>) -> Result<Vec<Item>, Problem> {
        let keys = |of: fn(&Item) -> Option<&String>| items.iter().filter_map(of).cloned().collect::<Vec<_>>();
        let assets = keys(|item| if let Item::Asset(asset) = item { Some(&asset.reference) } else { None });
        let risks = keys(|item| if let Item::Risk(risk) = item { Some(&risk.reference) } else { None });
        let methodology = views::get::<AdoptedMethodology>(session, methodology::ID, position).await?;
        let assets = get_many::<RegisteredAsset>(session, &assets, position).await?;
        let mut assets: BTreeMap<String, _> = assets.into_iter().map(|row| (row.key, row.data)).collect();
        let risks = get_many::<RegisteredRisk>(session, &risks, position).await?;
        let mut risks: BTreeMap<String, _> = risks.into_iter().map(|row| (row.key, row.data)).collect();
        let standing = items.into_iter().filter_map(|item| match item {
            Item::Methodology(_) => methodology.as_ref().map(|row| Item::Methodology(row.data.clone().into())),
            Item::Asset(said) => Some(Item::Asset(asset_as_said(assets.remove(&said.reference)?, said))),
            Item::Risk(said) => Some(Item::Risk(risk_as_said(risks.remove(&said.reference)?, said))),
            Item::Control(_) | Item::Document(_) | Item::Supplier(_) => None,
        });
        Ok(standing.collect())
    }

    async fn take(work: &mut Work, item: Item) -> Result<(), Problem> {
        match item {
            Item::Methodology(scales) => {
                work.execute::<Methodology>(methodology::ID, None, methodology::Command::Adopt(scales)).await?;
            }
            Item::Asset(said) => take_asset(work, said).await?,
            Item::Risk(said) => take_risk(work, said).await?,
            Item::Control(_) | Item::Document(_) | Item::Supplier(_) => {}
        }
        Ok(())
    }
}

/// A list that is not said where it is empty.
fn said_list(said: Vec<String>) -> Option<Vec<String>> {
    Some(said).filter(|said| !said.is_empty())
}

fn said_text(said: String) -> Option<String> {
    Some(said).filter(|said| !said.is_empty())
}

async fn take_asset(work: &mut Work, said: library::Asset) -> Result<(), Problem> {
    let library::Asset { reference, name, description, kind, domain, security_objectives, supports } = said;
    if let Some(circle) = Circles::default().find(work, &reference, Some(&supports)).await? {
        return Err(Problem::field("supports", asset::circular(&circle)));
    }
    let import = asset::Import {
        name,
        description: said_text(description),
        kind: Some(kind),
        domain,
        security_objectives: Some(security_objectives).filter(|said| *said != SecurityObjectives::default()),
        owner: None,
        supports: said_list(supports),
    };
    work.execute::<Asset>(&reference, None, asset::Command::Import(import)).await?;
    Ok(())
}

async fn take_risk(work: &mut Work, said: library::Risk) -> Result<(), Problem> {
    let relied = said.treatment.as_ref().map(|treatment| treatment.controls.clone()).unwrap_or_default();
    asset::refuse_unknown(work, "assets", &said.assets).await?;
    control::refuse_excluded(work, "treatment.controls", &relied).await?;
    let standing = work.load::<Risk>(&said.reference).await?.0.category().map(ToOwned::to_owned);
    let category = said.category.clone().or(standing);
    let methodology = methodology::in_force(work).await?;
    let (mut faults, mut assessments) = (Faults::default(), Vec::new());
    for library::Assessment { stage, likelihood, impact } in said.assessments {
        let (likelihood, impact) = (likelihood.to_string(), impact.to_string());
        let written = |text| Written { field: "assessments", text };
        match methodology.rate(written(&likelihood), written(&impact), category.as_deref()) {
            Ok(rating) => assessments.push(Assessment { stage, rating, rationale: None }),
            Err(errors) => faults.add_all(errors),
        }
    }
    let import = risk::Import {
        name: said.name,
        description: said_text(said.description),
        assets: said_list(said.assets),
        category: said.category,
        threat: said.threat,
        vulnerability: said.vulnerability,
        owner: None,
        existing_controls: said_list(said.existing_controls),
        assessments,
        option: said.treatment.as_ref().map(|treatment| treatment.option),
        controls: said.treatment.map(|treatment| treatment.controls),
    };
    let import = faults.settle(Some(import))?;
    work.execute::<Risk>(&said.reference, None, risk::Command::Import(import)).await?;
    Ok(())
}

/// What the register says of what the library says.
fn asset_as_said(standing: RegisteredAsset, said: library::Asset) -> library::Asset {
    let profile = standing.profile;
    library::Asset {
        reference: said.reference,
        name: profile.name,
        description: if said.description.is_empty() { said.description } else { profile.description },
        kind: profile.kind,
        domain: said.domain.and(profile.domain),
        security_objectives: if said.security_objectives == SecurityObjectives::default() {
            said.security_objectives
        } else {
            profile.security_objectives
        },
        supports: if said.supports.is_empty() { said.supports } else { profile.supports },
    }
}

fn risk_as_said(standing: RegisteredRisk, said: library::Risk) -> library::Risk {
    let assessed = |stage| match stage {
        Stage::Inherent => standing.inherent.as_ref(),
        Stage::Current => standing.current.as_ref(),
        Stage::Residual => standing.residual.as_ref(),
    };
    let assessments = said.assessments.into_iter().filter_map(|library::Assessment { stage, .. }| {
        let rating = &assessed(stage)?.rating;
        Some(library::Assessment { stage, likelihood: rating.likelihood.score, impact: rating.impact.score })
    });
    let assessments = assessments.collect();
    let treatment = said.treatment.and(standing.treatment);
    library::Risk {
        reference: said.reference,
        name: standing.name,
        description: if said.description.is_empty() { said.description } else { standing.description },
        category: said.category.and(standing.category),
        threat: said.threat.and(standing.threat),
        vulnerability: said.vulnerability.and(standing.vulnerability),
        assets: if said.assets.is_empty() { said.assets } else { standing.assets },
        existing_controls: if said.existing_controls.is_empty() {
            said.existing_controls
        } else {
            standing.existing_controls
        },
        assessments,
        treatment: treatment.map(|decided| library::Treatment { option: decided.option, controls: decided.controls }),
    }
}
