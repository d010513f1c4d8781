//! `schema`: the schemas of everything that driftline writes.

use super::output::{json_pretty, stdout};
use super::{Outcome, Ran};
use crate::error::Error;
use crate::wire::{VOLATILE, schemas};
use clap::Args;
use std::io::Write;

/// Print the Avro schemas of the records that driftline writes
#[derive(Args)]
#[command(
    after_help = "Examples:\n  driftline schema\n  driftline schema drift-event\n  driftline schema --volatile"
)]
pub(super) struct SchemaArgs {
    /// Which one; without it their names
    name: Option<String>,
    /// List the fields that may differ between runs in the error of digests
    #[arg(long, conflicts_with = "name")]
    volatile: bool,
}

pub(super) fn run(args: &SchemaArgs) -> Ran {
    let mut out = stdout();
    if args.volatile {
        let listed: Vec<_> = VOLATILE.iter().map(|(schema, path)| (schema.name(), path)).collect();
        json_pretty(&mut out, &listed)?;
    } else if let Some(name) = &args.name {
        let known: Vec<&str> = schemas().map(|(known, _)| known).collect();
        let (_, text) = schemas().find(|(known, _)| known == name).ok_or_else(|| {
            Error::usage(format!("no schema is called `{name}`"))
                .hint(format!("there are {}", known.join(", ")))
        })?;
        out.write_all(text.as_bytes())?;
    } else {
        schemas().try_for_each(|(known, _)| writeln!(out, "{known}"))?;
    }
    out.flush()?;
    Ok(Outcome::Fine)
}
