//! What `check` says to a pipeline: test cases of JUnit, and annotations of GitHub Actions.

use super::report::{CheckReport, Warning};
use super::{FailOn, smallest_p};
use crate::cli::Stop;
use crate::cli::output::number;
use crate::error::Error;
use crate::policy::record::FeatureReport;
use crate::words::Verdict;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::io::Write;

/// The name of the suite, and of annotations.
const NAME: &str = "driftline";

/// Writes a suite with a case for each feature, one for the columns, and one for each
/// expectation. What `--fail-on` names fails; a
/// feature that could not be judged is skipped, unless that fails.
pub(super) fn junit(out: &mut impl Write, report: &CheckReport, fail_on: &[FailOn]) -> Result<(), Stop> {
    let mut suite = TestSuite::new(NAME);
    for feature in &report.features {
        let status = match feature.verdict {
            _ if fails(feature, fail_on) => failure(&what(feature)),
            Verdict::Insufficient => {
                let mut skipped = TestCaseStatus::skipped();
                skipped.set_message(what(feature));
                skipped
            }
            _ => TestCaseStatus::success(),
        };
        let mut case = TestCase::new(&*feature.feature, status);
        case.set_classname("features");
        suite.add_test_case(case);
    }
    let of_columns: Vec<&str> = schema(report).map(|warning| &*warning.message).collect();
    let status = match fail_on.contains(&FailOn::Schema) && !of_columns.is_empty() {
        true => failure(&of_columns.join("\n")),
        false => TestCaseStatus::success(),
    };
    let mut columns = TestCase::new("columns", status);
    columns.set_classname("schema");
    suite.add_test_case(columns);
    for expected in &report.expectations {
        let status = match expected.met || !fail_on.contains(&FailOn::Expectation) {
            true => TestCaseStatus::success(),
            false => failure(&expected.message),
        };
        let name = [expected.column.as_deref(), Some(expected.figure)];
        let mut case = TestCase::new(name.into_iter().flatten().collect::<Vec<_>>().join(" "), status);
        case.set_classname("expectations");
        suite.add_test_case(case);
    }
    let mut suites = Report::new(NAME);
    suites.add_test_suite(suite);
    let text =
        suites.to_string().map_err(|error| Error::file(format!("cannot write JUnit's XML: {error}")))?;
    Ok(out.write_all(text.as_bytes())?)
}

fn failure(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(message);
    status
}

/// Writes a workflow command for everything that is not ok: an error for what `--fail-on` names, else a
/// warning, and a notice with the verdict.
pub(super) fn github(out: &mut impl Write, report: &CheckReport, fail_on: &[FailOn]) -> Result<(), Stop> {
    let mut say = |level: &str, message: &str| writeln!(out, "::{level} title={NAME}::{}", escaped(message));
    for feature in &report.features {
        match feature.verdict {
            _ if fails(feature, fail_on) => say("error", &what(feature))?,
            Verdict::Ok => {}
            _ => say("warning", &what(feature))?,
        }
    }
    let level = if fail_on.contains(&FailOn::Expectation) { "error" } else { "warning" };
    for unmet in report.expectations.iter().filter(|expected| !expected.met) {
        say(level, &unmet.message)?;
    }
    let is_error = fail_on.contains(&FailOn::Schema);
    for warning in &report.warnings {
        let level = if warning.is_schema() && is_error { "error" } else { "warning" };
        say(level, &format!("{}: {}", warning.feature, warning.message))?;
    }
    let judged = format!("{} of {} judged features drifted", report.drifted, report.judgeable);
    Ok(say("notice", &format!("verdict {}: {judged}", report.verdict))?)
}

/// A line of a workflow command ends where the message does.
fn escaped(message: &str) -> String {
    message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn schema(report: &CheckReport) -> impl Iterator<Item = &Warning> {
    report.warnings.iter().filter(|warning| warning.is_schema())
}

fn fails(feature: &FeatureReport, fail_on: &[FailOn]) -> bool {
    fail_on.iter().any(|what| what.has(feature))
}

/// A feature's verdict in a sentence.
fn what(feature: &FeatureReport) -> String {
    let psi = feature.measures.psi.map(|psi| format!(", PSI {}", number(psi.value))).unwrap_or_default();
    let ks = feature.measures.ks.map(|ks| format!(", KS {}", number(ks.value))).unwrap_or_default();
    let p = smallest_p(feature)
        .map(|(question, p)| format!(", p {} ({question})", number(p)))
        .unwrap_or_default();
    format!("{}: {}{psi}{ks}{p}", feature.feature, feature.verdict)
}
