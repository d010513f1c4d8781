//! `incident list` and `trigger list`: what is open, as a running instance shows it on its page.

use crate::cli::output::{OutputFormat, json_line, stdout, table, write_table};
use crate::cli::{Outcome, Ran};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::policy::record::{DriftEvent, RetrainingTrigger, TriggerInfo};
use crate::words::{ModelKey, Name, Severity, Time};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// How long an instance may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which instance, and what of it.
#[derive(Args)]
pub(in crate::cli) struct ListArgs {
    /// The configuration: its http.listen and token are the instance's
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Another instance's address
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Of this model only
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// How they are written
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

/// An open incident, as it is listed.
#[derive(Serialize)]
struct Incident {
    id: String,
    model: Name,
    version: Name,
    segment: Vec<Name>,
    feature: Option<Name>,
    category: &'static str,
    severity: Severity,
    since: Time,
    acknowledged_at: Option<Time>,
    acknowledged_by: Option<String>,
    muted: bool,
}

/// An open trigger, as it is listed.
#[derive(Serialize)]
struct Trigger {
    id: String,
    model: Name,
    version: Name,
    cause: &'static str,
    severity: Severity,
    decided_at: Time,
    expires_at: Time,
    attempt: u32,
    max_attempts: u32,
    acknowledged: bool,
    run_url: Option<String>,
}

#[derive(Deserialize)]
struct Incidents {
    incidents: Vec<OfIncident>,
}

#[derive(Deserialize)]
struct OfIncident {
    acknowledged: Option<Acknowledged>,
    muted: bool,
    event: DriftEvent,
}

#[derive(Deserialize)]
struct Acknowledged {
    at: Time,
    actor: Option<String>,
}

#[derive(Deserialize)]
struct Triggers {
    triggers: Vec<OfTrigger>,
}

#[derive(Deserialize)]
struct OfTrigger {
    life: Option<TriggerInfo>,
    trigger: RetrainingTrigger,
}

impl From<OfIncident> for Incident {
    fn from(OfIncident { acknowledged, muted, event }: OfIncident) -> Self {
        let (acknowledged_at, acknowledged_by) = acknowledged.map(|by| (by.at, by.actor)).unzip();
        Incident {
            id: event.incident.id,
            model: event.model,
            version: event.version,
            segment: event.segment,
            feature: event.feature,
            category: event.category.as_str(),
            severity: event.severity,
            since: event.incident.opened_at,
            acknowledged_at,
            acknowledged_by: acknowledged_by.flatten(),
            muted,
        }
    }
}

impl From<OfTrigger> for Trigger {
    fn from(OfTrigger { life, trigger }: OfTrigger) -> Self {
        Trigger {
            id: trigger.id,
            model: trigger.model,
            version: trigger.version,
            cause: trigger.cause.as_str(),
            severity: trigger.severity,
            decided_at: trigger.decided_at,
            expires_at: trigger.expires_at,
            attempt: trigger.attempt,
            max_attempts: trigger.max_attempts,
            // What else becomes of one ends it.
            acknowledged: life.is_some(),
            run_url: life.and_then(|life| life.run_url),
        }
    }
}

pub(super) fn incidents(args: &ListArgs) -> Ran {
    let Incidents { incidents } = args.ask("incidents")?;
    let wanted = incidents.into_iter().filter(|one| args.wants(&one.event.model)).map(Incident::from);
    let heading = ["id", "model", "feature", "category", "severity", "since", "acknowledged", "muted"];
    args.show(wanted, &heading, |one| {
        let Incident { model, version, segment, .. } = one;
        let by = || one.acknowledged_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        vec![
            one.id.clone(),
            place(&ModelKey { model: model.clone(), version: version.clone(), segment: segment.clone() }),
            one.feature.as_deref().unwrap_or("all").to_owned(),
            one.category.to_owned(),
            one.severity.to_string(),
            one.since.to_string(),
            one.acknowledged_at.map_or_else(|| "no".into(), |at| format!("{at}{}", by())),
            if one.muted { "yes" } else { "no" }.to_owned(),
        ]
    })
}

pub(super) fn triggers(args: &ListArgs) -> Ran {
    let Triggers { triggers } = args.ask("triggers")?;
    let wanted = triggers.into_iter().filter(|one| args.wants(&one.trigger.model)).map(Trigger::from);
    let heading = ["id", "model", "cause", "severity", "asked", "attempt", "acknowledged", "expires"];
    args.show(wanted, &heading, |one| {
        vec![
            one.id.clone(),
            place(&ModelKey::whole(one.model.clone(), one.version.clone())),
            one.cause.to_owned(),
            one.severity.to_string(),
            one.decided_at.to_string(),
            format!("{} of {}", one.attempt, one.max_attempts),
            if one.acknowledged { "yes" } else { "no" }.to_owned(),
            one.expires_at.to_string(),
        ]
    })
}

fn place(key: &ModelKey) -> String {
    let version = if key.version.is_empty() { String::new() } else { format!("/{}", key.version) };
    let segment = if key.segment.is_empty() { String::new() } else { format!(" {}", key.segment.join(", ")) };
    format!("{}{version}{segment}", key.model)
}

impl ListArgs {
    fn wants(&self, model: &Name) -> bool {
        self.model.as_ref().is_none_or(|wanted| **wanted == **model)
    }

    /// Writes what is listed: a line of JSON each, or a row of a table each.
    fn show<T: Serialize>(
        &self,
        all: impl Iterator<Item = T>,
        heading: &[&str],
        row: impl Fn(&T) -> Vec<String>,
    ) -> Ran {
        let mut out = stdout();
        match self.format {
            OutputFormat::Json => all.into_iter().try_for_each(|one| json_line(&mut out, &one))?,
            OutputFormat::Table => {
                let rows: Vec<Vec<String>> = all.map(|one| row(&one)).collect();
                if rows.is_empty() {
                    writeln!(out, "nothing is open")?;
                } else {
                    let mut table = table(heading);
                    table.add_rows(rows);
                    write_table(&mut out, &table)?;
                }
            }
        }
        out.flush()?;
        Ok(Outcome::Fine)
    }

    /// What the instance answers of what is open.
    fn ask<T: for<'de> Deserialize<'de>>(&self, what: &str) -> Result<T> {
        let config = Config::load(&self.config).map_err(Error::from)?;
        let base = self.url.clone().unwrap_or_else(|| format!("http://{}", config.http.listen));
        let address = format!("{}/api/{what}?state=open", base.trim_end_matches('/'));
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into();
        let mut request = agent.get(&address);
        if let Some(token) = &config.http.token {
            request = request.header("Authorization", format!("Bearer {}", token.reveal()));
        }
        let failed = |why: String| Error::bus(format!("no instance answers: {why}")).at(&address);
        let mut answer = request.call().map_err(|error| {
            failed(error.to_string())
                .hint("start `driftline run`, or name a running instance's address by --url")
        })?;
        let status = answer.status();
        let text = answer.body_mut().read_to_string().map_err(|error| failed(error.to_string()))?;
        if !status.is_success() {
            return Err(Error::config(format!("the instance says {status}"))
                .at(&address)
                .hint("http.token_file must be the instance's"));
        }
        serde_json::from_str(&text).map_err(|error| {
            failed(error.to_string()).hint("is it an instance of driftline of this version?")
        })
    }
}
