//! `reference.accept_window`: the window that has just closed becomes the reference of its version.
//!
//! It is the window of all traffic as it is judged, and it must be fit to be judged. Nothing is done by
//! halves: one feature that later windows could not be measured well by is enough to refuse it.

use super::evaluator::EvaluatorSettings;
use super::judging::window_info;
use super::made::{MadeReference, compared, half, halves_differ};
use super::model::SegmentState;
use crate::policy::record::{Command, WindowState};
use crate::reference::{CountedPane, CountedWindow, Origin, Unfit, accepted};
use crate::words::{Name, Pane};

/// Features that a refusal names, at most.
const NAMED_MAX: usize = 10;

/// The reference that `command` asks for, of a version whose window of all traffic `whole` ends with `pane`.
pub(super) fn accept(
    settings: &EvaluatorSettings,
    (model, version): (&Name, &Name),
    whole: &SegmentState,
    pane: Pane,
    command: &Command,
) -> Result<MadeReference, String> {
    let held = whole.held.as_ref().ok_or("there is no reference yet by whose cells it could be counted")?;
    let of_model = settings.model(model).0;
    let (grid, min_rows) = (settings.grid, of_model.policy.min_rows);
    let (panes, info) = window_info(settings, of_model, whole, pane);
    if info.state == WindowState::Insufficient {
        return Err(format!(
            "the window that ends {} can't be judged: {} rows, {:.1} % of what came (`policy.min_rows` is \
             {min_rows}, `policy.min_completeness` {})",
            info.end,
            info.events,
            100.0 * info.completeness,
            of_model.policy.min_completeness,
        ));
    }
    let inside = whole.window.panes().filter(|(_, data)| data.flow.events > 0);
    let inside: Vec<_> = inside.filter(|(pane, _)| grid.start(*pane) >= info.start).collect();
    let start = inside.first().map_or(info.start, |(pane, _)| grid.start(*pane));
    let middle = start.plus_ms(info.end.since_ms(start) / 2);
    let window = CountedWindow {
        grid,
        rows: info.events,
        features: whole.sketches(grid, panes, held.profile.features().len()).collect(),
        panes: inside
            .iter()
            .map(|(pane, data)| CountedPane {
                pane: *pane,
                features: data.counted(),
                half: half(grid, *pane, middle),
            })
            .collect(),
    };
    let (profile, halves) = accepted(&held.profile, &window, min_rows).map_err(|unfit| refusal(&unfit))?;
    let (stable, unstable) = compared(&profile, &halves);
    let asked = command.reason.clone().unwrap_or_else(|| "accepted".into());
    let differ = (stable == Some(false)).then(|| format!("; {}", halves_differ(&unstable)));
    Ok(MadeReference {
        start,
        rows: info.events,
        left_out: whole.window.unknown(panes).iter().map(|(name, _)| name.clone()).collect(),
        stable,
        unstable,
        actor: command.actor.clone(),
        reason: format!(
            "{asked} ({} rows from {start} to {}{})",
            info.events,
            info.end,
            differ.unwrap_or_default()
        ),
        ..MadeReference::new(settings, (model, version), info.end, Origin::AcceptedWindow, profile)
    })
}

fn refusal(unfit: &[Unfit]) -> String {
    let named: Vec<String> =
        unfit.iter().take(NAMED_MAX).map(|(name, why)| format!("`{name}` ({why})")).collect();
    let more = unfit.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "later windows could not be measured well by the cells of the reference that holds: {}{more}; build a \
         reference from rows like these and publish it",
        named.join(", ")
    )
}
